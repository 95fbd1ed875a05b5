-- Deploy astra:count_decision to pg
-- requires: org_memberships
--
-- The one place where a decision becomes part of its request; what that leads to, guard_approval
-- says. Times in it are UTC, whatever the session of whoever decides prefers, so that one record is
-- written one way.
-- Locks: none.  Docs: docs/schema/astra.md#count-decision

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.count_decision()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $function$
DECLARE
    v_request record;
BEGIN
    -- stamp_decision has locked it, so decisions are counted one after the other.
    SELECT *
    INTO v_request
    FROM astra.approval_requests AS r
    WHERE r.org_id = NEW.org_id
        AND r.id = NEW.request_id;
    IF v_request.status <> 'pending' THEN
        RAISE EXCEPTION 'approval request %: it is % already', NEW.request_id, v_request.status
            USING ERRCODE = 'MU418',
                  HINT = 'A request is decided once; ask again with another one.';
    END IF;
    IF v_request.requested_by = NEW.user_id THEN
        RAISE EXCEPTION 'user_id %: whoever asks does not decide', NEW.user_id
            USING ERRCODE = 'MU421',
                  HINT = 'Let somebody else decide.';
    END IF;
    PERFORM
    FROM astra.org_memberships AS m
    WHERE m.org_id = NEW.org_id
        AND m.user_id = NEW.user_id
        AND m.role <> 'viewer';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user_id %: not a member who may decide', NEW.user_id
            USING ERRCODE = 'MU421',
                  HINT = 'Let an owner, admin or member of the organisation decide.';
    END IF;

    UPDATE astra.approval_requests AS r
    SET approvals = r.approvals || jsonb_build_array(
        jsonb_build_object(
            'user_id', NEW.user_id,
            'decision', NEW.decision,
            'decided_at', NEW.decided_at
        )
    )
    WHERE r.org_id = NEW.org_id
        AND r.id = NEW.request_id;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION astra.count_decision() IS
    'Trigger function of approval_decisions: appends the decision to approvals of the request. '
    'Raises MU418 when it is decided already, MU421 for whoever asked, is no member, or is a '
    'viewer.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.count_decision() FROM PUBLIC;

COMMIT;

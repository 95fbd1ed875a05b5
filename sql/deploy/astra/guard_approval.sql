-- Deploy astra:guard_approval to pg
-- requires: schema
--
-- What became of a request follows from its decisions and from nothing else: the only change that
-- passes is the next decision at the end of approvals, and status and time are computed from it.
-- That it comes from a trigger would not be enough, because a runtime can make triggers of its own
-- on its temporary tables.
-- Locks: none.  Docs: docs/schema/astra.md#guard-approval

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.guard_approval()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $function$
DECLARE
    v_entry CONSTANT jsonb := NEW.approvals -> -1;
BEGIN
    PERFORM
    FROM astra.approval_decisions AS d
    WHERE d.org_id = NEW.org_id
        AND d.request_id = NEW.id
        AND OLD.status = 'pending'
        AND NEW.approvals = OLD.approvals || jsonb_build_array(v_entry)
        AND v_entry = jsonb_build_object(
            'user_id', d.user_id, 'decision', d.decision, 'decided_at', d.decided_at
        )
        AND NOT OLD.approvals @> jsonb_build_array(v_entry);
    IF FOUND THEN
        NEW.status := CASE
            WHEN v_entry ->> 'decision' = 'rejected' THEN 'rejected'
            WHEN jsonb_array_length(NEW.approvals) = NEW.required_approvals THEN 'approved'
            ELSE 'pending'
        END;
        NEW.decided_at := CASE
            WHEN NEW.status <> 'pending' THEN (v_entry ->> 'decided_at')::timestamptz
        END;
        RETURN NEW;
    END IF;
    IF row_security_active(TG_RELID) THEN
        RAISE EXCEPTION 'approval request %: approvals are written by decisions', NEW.id
            USING ERRCODE = 'MU419',
                  HINT = 'Call astra.decide_approval().';
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION astra.guard_approval() IS
    'Trigger function for BEFORE UPDATE of approvals, status or decided_at of approval_requests: '
    'when the next decision is appended to approvals, rejects the request at the first rejection, '
    'and approves it when enough have approved. Refuses any other change, but to superusers, who '
    'repair. Raises MU419.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.guard_approval() FROM PUBLIC;

COMMIT;

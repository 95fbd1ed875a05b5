-- Deploy astra:decide_approval to pg
-- requires: approval_requests
--
-- An insert, and what came of it: key, reference and trigger of approval_decisions hold the rules.
-- Locks: the request, then, when it is decided, the goal and the task.
-- Docs: docs/schema/astra.md#decide-approval

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.decide_approval(p_request_id uuid, p_user_id uuid, p_decision text)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id CONSTANT uuid := platform.current_tenant_id();
    v_status text;
BEGIN
    PERFORM
    FROM astra.approval_requests AS r
    WHERE r.org_id = v_org_id
        AND r.id = p_request_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_request_id %: no such request', p_request_id
            USING ERRCODE = 'no_data_found',
                  HINT = 'Name a request of the organisation.';
    END IF;

    INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision)
    VALUES (v_org_id, p_request_id, p_user_id, p_decision);

    SELECT r.status
    INTO v_status
    FROM astra.approval_requests AS r
    WHERE r.org_id = v_org_id
        AND r.id = p_request_id;

    RETURN v_status;
END;
$function$;

COMMENT ON FUNCTION astra.decide_approval(uuid, uuid, text) IS
    'Enters the decision of a user, approved or rejected. Returns what the request is now: '
    'pending, approved or rejected. Raises MU418 when it is decided already, 23505 when this user '
    'has decided before, MU421 when the user asked for it or is not a member who may decide, '
    'P0002 when there is no such request, 23503 when there is no such user, 23502 for a user or '
    'word that is NULL, 23514 for another word, 42501 when no tenant is set. Above read committed '
    'also 40001 when somebody else has decided meanwhile, and MU410 when that would settle a task.';

REVOKE ALL ON FUNCTION astra.decide_approval(uuid, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.decide_approval(uuid, uuid, text) TO muniment_app;

COMMIT;

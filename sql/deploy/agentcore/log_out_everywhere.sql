-- Deploy agentcore:log_out_everywhere to pg
-- requires: users
--
-- Ends all sessions of a user, for example after a lost telephone.
-- Locks: none.  Docs: docs/schema/agentcore.md#log-out-everywhere

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.log_out_everywhere(p_home_department_id uuid, p_user_id uuid)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_token_version integer;
BEGIN
    UPDATE agentcore.users AS u
    SET token_version = u.token_version + 1
    WHERE u.department_id = p_home_department_id
        AND u.id = p_user_id
    RETURNING u.token_version INTO v_token_version;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user % has no account in department %', p_user_id, p_home_department_id
            USING ERRCODE = 'MU439',
                  HINT = 'Look the user up by email; perhaps a transfer was faster.';
    END IF;

    RETURN v_token_version;
END;
$function$;

COMMENT ON FUNCTION agentcore.log_out_everywhere(uuid, uuid) IS
    'Raises the token version of a user, who is named by home department and id, and returns it. '
    'Raises MU439 when there is no such user.';

REVOKE ALL ON FUNCTION agentcore.log_out_everywhere(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.log_out_everywhere(uuid, uuid) TO muniment_service;

COMMIT;

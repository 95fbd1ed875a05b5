-- Deploy agentcore:transfer_user to pg
-- requires: void_password_resets
--
-- A transfer moves the account; what the user did stays in the department where it was done.
-- Triggers end all sessions, and the open reset link, which names the former home.
-- Locks: none.  Docs: docs/schema/agentcore.md#transfer-user

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.transfer_user(
    p_home_department_id uuid, p_user_id uuid, p_department_id uuid
)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_token_version integer;
BEGIN
    IF p_department_id = p_home_department_id THEN
        RAISE EXCEPTION 'department % is the home already', p_department_id
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Choose another department; to end sessions, log the user out.';
    END IF;

    PERFORM
    FROM agentcore.department AS d
    WHERE d.id = p_department_id
        AND d.is_archived;
    IF FOUND THEN
        RAISE EXCEPTION 'department % is archived', p_department_id
            USING ERRCODE = 'MU432',
                  HINT = 'Choose a department that is in use.';
    END IF;

    UPDATE agentcore.users AS u
    SET department_id = p_department_id
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

COMMENT ON FUNCTION agentcore.transfer_user(uuid, uuid, uuid) IS
    'Gives a user, named by home department and id, another home. Returns the new token version. '
    'Raises 22023 when that is the home already, MU439 when there is no such user, MU432 when the '
    'new home is archived, 23503 when it is not there.';

REVOKE ALL ON FUNCTION agentcore.transfer_user(uuid, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.transfer_user(uuid, uuid, uuid) TO muniment_service;

COMMIT;

-- Deploy agentcore:use_password_reset to pg
-- requires: password_reset_token
--
-- A link works once. Two who use it at once meet at the account, which is locked first; the second
-- one then finds the link used, or fails with 40001 above READ COMMITTED. One error for every link
-- that does not work, so that it tells nothing. The sessions end also when the hash is the one that
-- was there.
-- Locks: none.  Docs: docs/schema/agentcore.md#use-password-reset

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.use_password_reset(p_token bytea, p_password_hash text)
RETURNS TABLE (department_id uuid, user_id uuid)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF coalesce(p_password_hash, '') = '' THEN
        RAISE EXCEPTION 'password_hash is missing'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Pass the hash of the new password.';
    END IF;

    SELECT t.department_id, t.user_id
    INTO department_id, user_id
    FROM agentcore.password_reset_token AS t
    WHERE t.token = p_token;

    PERFORM
    FROM agentcore.users AS u
    WHERE u.department_id = use_password_reset.department_id
        AND u.id = use_password_reset.user_id
        AND u.is_active
    FOR NO KEY UPDATE;
    IF FOUND THEN
        -- The clock and not now(): the lock may have been waited for.
        UPDATE agentcore.password_reset_token AS t
        SET used_at = clock_timestamp()
        WHERE t.token = p_token
            AND t.used_at IS NULL
            AND t.expires_at > clock_timestamp();
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'reset link does not work'
            USING ERRCODE = 'MU430',
                  HINT = 'Let the user ask for a new link.';
    END IF;

    UPDATE agentcore.users AS u
    SET password_hash = p_password_hash,
        token_version = u.token_version + 1
    WHERE u.department_id = use_password_reset.department_id
        AND u.id = use_password_reset.user_id;
    RETURN NEXT;
END;
$function$;

COMMENT ON FUNCTION agentcore.use_password_reset(bytea, text) IS
    'Sets a new password for the user of a link and ends all sessions of that user. p_token is '
    'the SHA-256 of what the link carries, p_password_hash what the login will compare. Returns '
    'home department and id of the user. Raises MU430 when the link does not work: unknown, used, '
    'void, expired, or of a user who is not active; 22004 when the hash of the password is NULL '
    'or empty, 40001 when, above READ COMMITTED, the account was written meanwhile.';

REVOKE ALL ON FUNCTION agentcore.use_password_reset(bytea, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.use_password_reset(bytea, text) TO muniment_service;

COMMIT;

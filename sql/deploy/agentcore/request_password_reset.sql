-- Deploy agentcore:request_password_reset to pg
-- requires: password_reset_token
--
-- The link itself is never here, only its hash. A user has one link that works: a newer one makes
-- the other void. The account comes first, then the links; it is written and not only locked, so
-- that a transaction above READ COMMITTED that cannot see the new link fails (40001) where it
-- changes the account or makes a link itself.
-- Locks: none.  Docs: docs/schema/agentcore.md#request-password-reset

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.request_password_reset(
    p_home_department_id uuid,
    p_user_id uuid,
    p_token bytea,
    p_valid_for interval DEFAULT '1 hour'
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_expires_at timestamptz;
BEGIN
    UPDATE agentcore.users AS u
    SET token_version = u.token_version
    WHERE u.department_id = p_home_department_id
        AND u.id = p_user_id
        AND u.is_active;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user % has no active account in department %',
            p_user_id, p_home_department_id
            USING ERRCODE = 'MU439',
                  HINT = 'Answer as if the mail was sent: who asks learns nothing of accounts.';
    END IF;

    UPDATE agentcore.password_reset_token AS t
    SET used_at = now()
    WHERE t.department_id = p_home_department_id
        AND t.user_id = p_user_id
        AND t.used_at IS NULL;
    INSERT INTO agentcore.password_reset_token AS t (department_id, user_id, token, expires_at)
    VALUES (p_home_department_id, p_user_id, p_token, now() + p_valid_for)
    RETURNING t.expires_at INTO v_expires_at;

    RETURN v_expires_at;
END;
$function$;

COMMENT ON FUNCTION agentcore.request_password_reset(uuid, uuid, bytea, interval) IS
    'Notes a link with which a user, named by home department and id, may set a new password. '
    'p_token is the SHA-256 of what the link carries, p_valid_for how long it works. Returns when '
    'it stops to work. Raises MU439 when there is no such active user, 23514 when the hash has '
    'not 32 bytes or the time is not positive, 23502 when one of them is NULL, 40001 when, above '
    'READ COMMITTED, the account was written meanwhile, also for another link.';

REVOKE ALL ON FUNCTION agentcore.request_password_reset(uuid, uuid, bytea, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.request_password_reset(uuid, uuid, bytea, interval)
    TO muniment_service;

COMMIT;

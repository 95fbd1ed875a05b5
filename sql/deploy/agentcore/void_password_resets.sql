-- Deploy agentcore:void_password_resets to pg
-- requires: password_reset_token
--
-- A link must not outlive the reason to trust it. What ends the sessions of a user (a new password,
-- a logout everywhere, a transfer, a deactivation) makes an open link void too, whoever does it; so
-- does another address, because the link is in the former mailbox. The account is written first,
-- then the link: the same order as in the functions.
-- Locks: SHARE ROW EXCLUSIVE on users.  Docs: docs/schema/agentcore.md#void-password-resets

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.void_password_resets()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    UPDATE agentcore.password_reset_token AS t
    SET used_at = now()
    WHERE t.department_id = OLD.department_id
        AND t.user_id = OLD.id
        AND t.used_at IS NULL;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION agentcore.void_password_resets() IS
    'Trigger function that makes the open reset link of a user void. Raises nothing.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION agentcore.void_password_resets() FROM PUBLIC;

-- AFTER, because users_raise_token_version_tg has raised the version by then.
CREATE TRIGGER users_void_password_resets_tg
    AFTER UPDATE ON agentcore.users
    FOR EACH ROW WHEN (NEW.token_version <> OLD.token_version OR NEW.email <> OLD.email)
    EXECUTE FUNCTION agentcore.void_password_resets();

COMMIT;

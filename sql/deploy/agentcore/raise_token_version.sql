-- Deploy agentcore:raise_token_version to pg
-- requires: schema
--
-- A session token carries the version of its user. What ends all sessions of a user (a new
-- password, a transfer, a deactivation, or a logout everywhere) raises the version by one, whoever
-- does it and whatever number they write; nothing lowers it.
-- Locks: none.  Docs: docs/schema/agentcore.md#raise-token-version

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.raise_token_version()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    NEW.token_version := OLD.token_version + (
        NEW.token_version <> OLD.token_version
        OR NEW.password_hash IS DISTINCT FROM OLD.password_hash
        OR NEW.department_id <> OLD.department_id
        OR (OLD.is_active AND NOT NEW.is_active)
    )::integer;
    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION agentcore.raise_token_version() IS
    'Trigger function that raises token_version by one when password, department or token_version '
    'change or the user is deactivated. Raises nothing.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION agentcore.raise_token_version() FROM PUBLIC;

COMMIT;

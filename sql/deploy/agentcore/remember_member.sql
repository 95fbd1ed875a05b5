-- Deploy agentcore:remember_member to pg
-- requires: department_member
--
-- The home of a user knows the user: an account that is made or transferred gets its row there
-- first, as its reference demands.
-- Locks: none.  Docs: docs/schema/agentcore.md#remember-member

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.remember_member()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    INSERT INTO agentcore.department_member (department_id, user_id, name)
    VALUES (NEW.department_id, NEW.id, NEW.name)
    ON CONFLICT DO NOTHING;
    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION agentcore.remember_member() IS
    'Trigger function that makes the row of department_member for the home of a user, if there is '
    'none. Raises nothing.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION agentcore.remember_member() FROM PUBLIC;

COMMIT;

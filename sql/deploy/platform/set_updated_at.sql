-- Deploy platform:set_updated_at to pg
-- requires: schema
--
-- A trigger rather than a habit, so that no writer can forget it or set it by hand.
-- Locks: none.  Docs: docs/schema/platform.md#set-updated-at

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION platform.set_updated_at()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION platform.set_updated_at() IS
    'Trigger function for BEFORE UPDATE ... FOR EACH ROW on a table with updated_at: sets it to '
    'the time of the transaction. Raises nothing.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION platform.set_updated_at() FROM PUBLIC;

COMMIT;

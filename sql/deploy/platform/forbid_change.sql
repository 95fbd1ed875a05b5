-- Deploy platform:forbid_change to pg
-- requires: schema
--
-- Grants keep runtime roles from removing rows. This stops the roles that grants do not bind: an
-- owner or superuser at a prompt gets an error with a name, and has to drop a trigger in the open.
-- Locks: none.  Docs: docs/schema/platform.md#forbid-change

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION platform.forbid_change()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, lower(TG_OP)
        USING ERRCODE = 'MU001',
              HINT = 'What was recorded stays. Add a row, or retire a month of the ledger.';
END;
$function$;

COMMENT ON FUNCTION platform.forbid_change() IS
    'Trigger function that refuses the statement it is attached to. Always raises MU001.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION platform.forbid_change() FROM PUBLIC;

COMMIT;

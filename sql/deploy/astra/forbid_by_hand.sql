-- Deploy astra:forbid_by_hand to pg
-- requires: schema
--
-- What triggers write is written with the rights of whoever causes it, so those have the right
-- to write it by hand too. A trigger with WHEN (pg_trigger_depth() = 0) calls this for every
-- statement that no trigger made. Superusers, whom row security does not bind, may: somebody has to
-- repair.
-- Locks: none.  Docs: docs/schema/astra.md#forbid-by-hand

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.forbid_by_hand()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF row_security_active(TG_RELID) THEN
        RAISE EXCEPTION '%.% is written by triggers: % by hand refused',
            TG_TABLE_SCHEMA, TG_TABLE_NAME, lower(TG_OP)
            USING ERRCODE = 'MU419',
                  HINT = 'Change what it follows from, or call the function that does.';
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION astra.forbid_by_hand() IS
    'Trigger function for what triggers write: refuses a statement made by hand, but '
    'for superusers. Belongs behind WHEN (pg_trigger_depth() = 0). Raises MU419.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.forbid_by_hand() FROM PUBLIC;

COMMIT;

-- Deploy agentcore:forbid_by_hand to pg
-- requires: schema
--
-- Some values are written by functions of the owner alone, where a right to the column cannot say
-- so: whoever may close a conversation has the same right to its status as whoever opens it again.
-- The trigger says which values.
-- Locks: none.  Docs: docs/schema/agentcore.md#forbid-by-hand

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.forbid_by_hand()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- In a function that acts as the owner this is the owner.
    IF NOT pg_has_role(current_user, 'muniment_owner', 'USAGE') THEN
        RAISE EXCEPTION '%.%: these values are not written by hand', TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Call the function that writes them.';
    END IF;
    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION agentcore.forbid_by_hand() IS
    'Trigger function that lets only the owner, and functions that act as the owner, write the '
    'row. Raises 42501.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION agentcore.forbid_by_hand() FROM PUBLIC;

COMMIT;

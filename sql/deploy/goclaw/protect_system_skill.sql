-- Deploy goclaw:protect_system_skill to pg
-- requires: tenants
--
-- A skill that came with the gateway is not a user's to delete. A trigger rather than a right: the
-- right is to all rows of the table. A tenant that is not active may be leaving, and takes its
-- skills along.
-- Locks: none.  Docs: docs/schema/goclaw.md#protect-system-skill

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.protect_system_skill()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF EXISTS (
        SELECT
        FROM goclaw.tenants AS t
        WHERE t.id = OLD.tenant_id
            AND t.status <> 'active'
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'skill % came with the gateway: % refused', OLD.slug, lower(TG_OP)
        USING ERRCODE = 'MU311',
              HINT = 'Set status to archived, or enabled to false.';
END;
$function$;

COMMENT ON FUNCTION goclaw.protect_system_skill() IS
    'Trigger function that refuses to delete a skill that came with the gateway, unless its tenant '
    'is not active. Raises MU311.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION goclaw.protect_system_skill() FROM PUBLIC;

COMMIT;

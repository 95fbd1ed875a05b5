-- Deploy goclaw:master_tenant to pg
-- requires: tenants
--
-- The tenant that everybody falls back to: settings and hooks of all tenants are rows of its own.
-- Its id is known to clients: a trigger keeps the row and its id, since one DELETE would take the
-- settings of everybody along. Row security is lifted for the one row, because
-- under FORCE the owner writes rows of the tenant that it has set, and no other.
-- Locks: ACCESS EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#master-tenant

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.tenants NO FORCE ROW LEVEL SECURITY;

INSERT INTO goclaw.tenants (id, name, slug)
VALUES ('0193a5b0-7000-7000-8000-000000000001', 'Master', 'master');

ALTER TABLE goclaw.tenants FORCE ROW LEVEL SECURITY;

CREATE FUNCTION goclaw.protect_master_tenant()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RAISE EXCEPTION 'the master tenant stays: % refused', lower(TG_OP)
        USING ERRCODE = 'MU312',
              HINT = 'Everybody falls back to its settings. Change those, or its name.';
END;
$function$;

COMMENT ON FUNCTION goclaw.protect_master_tenant() IS
    'Trigger function that refuses to delete the master tenant or to change its id. Always raises '
    'MU312.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION goclaw.protect_master_tenant() FROM PUBLIC;

CREATE TRIGGER tenants_protect_master_tg
    BEFORE UPDATE OF id OR DELETE ON goclaw.tenants
    FOR EACH ROW WHEN (OLD.id = '0193a5b0-7000-7000-8000-000000000001')
    EXECUTE FUNCTION goclaw.protect_master_tenant();

COMMIT;

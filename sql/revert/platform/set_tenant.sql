-- Revert platform:set_tenant from pg

BEGIN;

DROP FUNCTION platform.set_tenant(uuid);

COMMIT;

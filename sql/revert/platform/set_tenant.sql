-- Revert platform:set_tenant from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION platform.set_tenant(uuid);

COMMIT;

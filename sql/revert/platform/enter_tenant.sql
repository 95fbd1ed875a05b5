-- Revert platform:enter_tenant from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION platform.enter_tenant(uuid);

COMMIT;

-- Revert platform:current_tenant_id from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION platform.current_tenant_id();

COMMIT;

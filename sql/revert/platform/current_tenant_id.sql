-- Revert platform:current_tenant_id from pg

BEGIN;

DROP FUNCTION platform.current_tenant_id();

COMMIT;

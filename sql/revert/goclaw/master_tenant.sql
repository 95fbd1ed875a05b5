-- Revert goclaw:master_tenant from pg
--
-- Stops where something of the master tenant is left: a reference forbids it.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TRIGGER tenants_protect_master_tg ON goclaw.tenants;
DROP FUNCTION goclaw.protect_master_tenant();

ALTER TABLE goclaw.tenants NO FORCE ROW LEVEL SECURITY;

DELETE FROM goclaw.tenants
WHERE id = '0193a5b0-7000-7000-8000-000000000001';

ALTER TABLE goclaw.tenants FORCE ROW LEVEL SECURITY;

COMMIT;

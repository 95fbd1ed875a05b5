-- Revert goclaw:tenant_hook_budget from pg
--
-- Drops tenant_hook_budget with all rows: configuration, which those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.tenant_hook_budget;

COMMIT;

-- Revert agentcore:system_role from pg
--
-- Drops system_role with all rows: configuration, which those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE agentcore.system_role;

COMMIT;

-- Revert goclaw:system_configs from pg
--
-- Drops system_configs and config_secrets with all rows: configuration, which those who made it can
-- make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.config_secrets;
DROP TABLE goclaw.system_configs;

COMMIT;

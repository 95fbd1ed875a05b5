-- Revert goclaw:api_keys from pg
--
-- Drops api_keys with all rows: configuration, which those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.api_keys;

COMMIT;

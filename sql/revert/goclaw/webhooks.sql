-- Revert goclaw:webhooks from pg
--
-- Drops webhooks with all rows: configuration, which those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.webhooks;

COMMIT;

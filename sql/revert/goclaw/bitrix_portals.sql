-- Revert goclaw:bitrix_portals from pg
--
-- Drops bitrix_portals with all rows: configuration, which those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.bitrix_portals;

COMMIT;

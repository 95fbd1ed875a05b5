-- Revert goclaw:usage_pricing from pg
--
-- Drops usage_pricing_catalog and usage_pricing_overrides with all rows: configuration, which those
-- who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.usage_pricing_overrides;
DROP TABLE goclaw.usage_pricing_catalog;

COMMIT;

-- Revert goclaw:llm_providers from pg
--
-- Drops llm_providers with all rows: configuration, which those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.llm_providers;

COMMIT;

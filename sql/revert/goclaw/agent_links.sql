-- Revert goclaw:agent_links from pg
--
-- Drops agent_links with all rows: configuration, which those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.agent_links;

COMMIT;

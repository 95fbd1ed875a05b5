-- Revert goclaw:hooks from pg
--
-- Drops hooks and hook_agents with all rows: configuration, which those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.hook_agents;
DROP TABLE goclaw.hooks;

COMMIT;

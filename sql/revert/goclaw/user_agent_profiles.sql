-- Revert goclaw:user_agent_profiles from pg
--
-- Drops user_agent_profiles and user_agent_overrides with all rows: configuration, which those who
-- made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.user_agent_overrides;
DROP TABLE goclaw.user_agent_profiles;

COMMIT;

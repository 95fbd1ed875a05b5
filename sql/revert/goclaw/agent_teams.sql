-- Revert goclaw:agent_teams from pg
--
-- Drops agent_teams and agent_team_members and team_user_grants with all rows: configuration, which
-- those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.team_user_grants;
DROP TABLE goclaw.agent_team_members;
DROP TABLE goclaw.agent_teams;

COMMIT;

-- Revert goclaw:unlock_team_task from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.unlock_team_task(uuid, timestamptz);

COMMIT;

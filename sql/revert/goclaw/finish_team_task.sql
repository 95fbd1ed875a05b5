-- Revert goclaw:finish_team_task from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.finish_team_task(uuid, text, text, timestamptz);

COMMIT;

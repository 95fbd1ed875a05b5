-- Revert goclaw:lock_team_task from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.lock_team_task(uuid, uuid, integer, timestamptz);

COMMIT;

-- Revert goclaw:block_team_task from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.block_team_task(uuid, uuid);

COMMIT;

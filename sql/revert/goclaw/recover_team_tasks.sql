-- Revert goclaw:recover_team_tasks from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.recover_team_tasks(integer);

COMMIT;

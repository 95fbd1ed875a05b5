-- Revert goclaw:create_team_task from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.create_team_task(uuid, text, text, uuid, uuid[], uuid, integer, text);

COMMIT;

-- Revert goclaw:recall_episode from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.recall_episode(uuid, double precision);

COMMIT;

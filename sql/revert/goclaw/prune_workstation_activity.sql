-- Revert goclaw:prune_workstation_activity from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.prune_workstation_activity(timestamptz, integer);

COMMIT;

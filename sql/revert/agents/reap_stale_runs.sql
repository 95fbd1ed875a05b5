-- Revert agents:reap_stale_runs from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.reap_stale_runs(integer, interval);

COMMIT;

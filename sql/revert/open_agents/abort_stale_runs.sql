-- Revert open_agents:abort_stale_runs from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION open_agents.abort_stale_runs(timestamptz, integer);

COMMIT;

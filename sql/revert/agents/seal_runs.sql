-- Revert agents:seal_runs from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.seal_runs(uuid, uuid[], timestamptz);

COMMIT;

-- Revert agents:import_runs from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.import_runs(uuid, json, json, json);

COMMIT;

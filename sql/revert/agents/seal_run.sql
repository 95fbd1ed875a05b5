-- Revert agents:seal_run from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.seal_run(uuid, uuid, timestamptz);

COMMIT;

-- Revert agents:sealed_rows from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.sealed_rows(uuid, uuid, timestamptz);

COMMIT;

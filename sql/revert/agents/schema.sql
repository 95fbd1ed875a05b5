-- Revert agents:schema from pg

BEGIN;

DROP SCHEMA agents;

COMMIT;

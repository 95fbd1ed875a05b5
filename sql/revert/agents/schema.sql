-- Revert agents:schema from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP SCHEMA agents;

COMMIT;

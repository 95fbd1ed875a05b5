-- Revert open_agents:schema from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP SCHEMA open_agents;

COMMIT;

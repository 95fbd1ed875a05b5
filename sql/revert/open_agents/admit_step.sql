-- Revert open_agents:admit_step from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION open_agents.admit_step();

COMMIT;

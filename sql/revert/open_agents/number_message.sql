-- Revert open_agents:number_message from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION open_agents.number_message();

COMMIT;

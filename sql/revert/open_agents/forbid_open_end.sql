-- Revert open_agents:forbid_open_end from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION open_agents.forbid_open_end();

COMMIT;

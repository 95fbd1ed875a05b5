-- Revert open_agents:start_step from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION open_agents.start_step(text, text);

COMMIT;

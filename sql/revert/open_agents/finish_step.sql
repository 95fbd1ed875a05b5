-- Revert open_agents:finish_step from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION open_agents.finish_step(text, text);

COMMIT;

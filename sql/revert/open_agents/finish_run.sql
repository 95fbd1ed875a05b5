-- Revert open_agents:finish_run from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION open_agents.finish_run(text, text);

COMMIT;

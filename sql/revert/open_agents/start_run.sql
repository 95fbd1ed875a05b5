-- Revert open_agents:start_run from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION open_agents.start_run(text, text, text);

COMMIT;

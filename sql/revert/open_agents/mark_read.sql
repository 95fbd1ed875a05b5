-- Revert open_agents:mark_read from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION open_agents.mark_read(text, integer);

COMMIT;

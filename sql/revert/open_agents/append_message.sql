-- Revert open_agents:append_message from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION open_agents.append_message(text, text, text, jsonb);

COMMIT;

-- Revert agents:append_turns from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.append_turns(uuid, uuid, jsonb, uuid, text, integer);

COMMIT;

-- Revert agents:chat_turn_digest from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.chat_turn_digest(agents.chat_turn);

COMMIT;

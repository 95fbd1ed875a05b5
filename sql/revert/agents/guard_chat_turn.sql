-- Revert agents:guard_chat_turn from pg

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TRIGGER chat_turn_guard_tg ON agents.chat_turn;
DROP FUNCTION agents.guard_chat_turn();

COMMIT;

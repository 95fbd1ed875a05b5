-- Revert agents:guard_chat_session from pg

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TRIGGER chat_session_guard_tg ON agents.chat_session;
DROP FUNCTION agents.guard_chat_session();

COMMIT;

-- Revert agents:chat_session_digest from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.chat_session_digest(agents.chat_session);

COMMIT;

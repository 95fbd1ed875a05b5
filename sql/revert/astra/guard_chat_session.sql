-- Revert astra:guard_chat_session from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.guard_chat_session();

COMMIT;

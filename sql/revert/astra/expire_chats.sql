-- Revert astra:expire_chats from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.expire_chats(integer);

COMMIT;

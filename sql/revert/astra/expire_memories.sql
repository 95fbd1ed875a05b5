-- Revert astra:expire_memories from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.expire_memories(integer);

COMMIT;

-- Revert astra:search_memories from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.search_memories(uuid, platform.vector, integer, text);

COMMIT;

-- Revert goclaw:search_memory from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.search_memory(uuid, text, platform.vector, text, uuid, integer);

COMMIT;

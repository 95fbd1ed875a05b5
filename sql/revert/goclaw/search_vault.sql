-- Revert goclaw:search_vault from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.search_vault(uuid, text, platform.vector, uuid, text, integer);

COMMIT;

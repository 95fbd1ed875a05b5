-- Revert astra:release_tokens from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.release_tokens(uuid);

COMMIT;

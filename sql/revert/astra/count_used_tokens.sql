-- Revert astra:count_used_tokens from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.count_used_tokens();

COMMIT;

-- Revert astra:count_reserved_tokens from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.count_reserved_tokens();

COMMIT;

-- Revert astra:reserve_tokens from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.reserve_tokens(uuid, bigint);

COMMIT;

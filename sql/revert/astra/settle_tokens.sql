-- Revert astra:settle_tokens from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.settle_tokens(uuid, text, integer, integer, uuid);

COMMIT;

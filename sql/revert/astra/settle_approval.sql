-- Revert astra:settle_approval from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.settle_approval();

COMMIT;

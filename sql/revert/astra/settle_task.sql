-- Revert astra:settle_task from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.settle_task();

COMMIT;

-- Revert astra:settle_goal from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.settle_goal();

COMMIT;

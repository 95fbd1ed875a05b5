-- Revert astra:guard_approval from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.guard_approval();

COMMIT;

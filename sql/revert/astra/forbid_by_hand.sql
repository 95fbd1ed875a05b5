-- Revert astra:forbid_by_hand from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.forbid_by_hand();

COMMIT;

-- Revert astra:stamp_decision from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.stamp_decision();

COMMIT;

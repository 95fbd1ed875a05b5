-- Revert astra:count_decision from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.count_decision();

COMMIT;

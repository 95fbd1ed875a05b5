-- Revert astra:count_dependency from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.count_dependency();

COMMIT;

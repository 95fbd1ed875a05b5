-- Revert astra:guard_dependency from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.guard_dependency();

COMMIT;

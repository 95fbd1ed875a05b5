-- Revert astra:guard_task from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.guard_task();

COMMIT;

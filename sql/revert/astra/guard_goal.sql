-- Revert astra:guard_goal from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.guard_goal();

COMMIT;

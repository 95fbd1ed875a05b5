-- Revert astra:start_goals from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.start_goals(uuid, integer);

COMMIT;

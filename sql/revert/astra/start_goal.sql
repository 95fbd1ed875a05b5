-- Revert astra:start_goal from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.start_goal(uuid);

COMMIT;

-- Revert astra:admit_goal from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.admit_goal(uuid, uuid);

COMMIT;

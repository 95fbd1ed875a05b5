-- Revert astra:lock_goal from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.lock_goal(uuid, uuid);

COMMIT;

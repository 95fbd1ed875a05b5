-- Revert astra:cancel_goal from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.cancel_goal(uuid);

COMMIT;

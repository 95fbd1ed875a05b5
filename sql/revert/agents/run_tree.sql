-- Revert agents:run_tree from pg
--
-- Nothing is lost: a function holds no rows.

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.run_tree(uuid, uuid);

COMMIT;

-- Revert astra:ready_tasks from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.ready_tasks(uuid, integer);

COMMIT;

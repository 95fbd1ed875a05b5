-- Revert astra:requeue_expired_tasks from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.requeue_expired_tasks(integer);

COMMIT;

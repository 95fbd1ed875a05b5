-- Revert astra:fail_task from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.fail_task(uuid, uuid, text, boolean, integer);

COMMIT;

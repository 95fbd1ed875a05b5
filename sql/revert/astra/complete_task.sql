-- Revert astra:complete_task from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.complete_task(uuid, uuid, jsonb, integer);

COMMIT;

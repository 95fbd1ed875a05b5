-- Revert astra:claim_tasks from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.claim_tasks(uuid, integer, interval);

COMMIT;

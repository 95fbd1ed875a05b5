-- Revert agentcore:accessible_departments from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.accessible_departments(uuid, uuid);

COMMIT;

-- Revert agentcore:can_access_department from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.can_access_department(uuid, uuid, uuid);

COMMIT;

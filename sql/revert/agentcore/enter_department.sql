-- Revert agentcore:enter_department from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.enter_department(uuid, uuid, integer, uuid);

COMMIT;

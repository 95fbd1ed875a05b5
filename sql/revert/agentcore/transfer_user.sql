-- Revert agentcore:transfer_user from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.transfer_user(uuid, uuid, uuid);

COMMIT;

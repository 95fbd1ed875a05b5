-- Revert agentcore:settle_conversation from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.settle_conversation(uuid);

COMMIT;

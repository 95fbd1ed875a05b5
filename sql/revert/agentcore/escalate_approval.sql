-- Revert agentcore:escalate_approval from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.escalate_approval(uuid, uuid, text);

COMMIT;

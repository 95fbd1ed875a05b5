-- Revert agentcore:claim_agent_task from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.claim_agent_task(text);

COMMIT;

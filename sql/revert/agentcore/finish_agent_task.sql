-- Revert agentcore:finish_agent_task from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.finish_agent_task(uuid, uuid, text, integer, integer, numeric, text);

COMMIT;

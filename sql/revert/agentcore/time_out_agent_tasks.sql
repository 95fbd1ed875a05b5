-- Revert agentcore:time_out_agent_tasks from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.time_out_agent_tasks(interval);

COMMIT;

-- Revert agents:agent_run_digest from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.agent_run_digest(agents.agent_run);

COMMIT;

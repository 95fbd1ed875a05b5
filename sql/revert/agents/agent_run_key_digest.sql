-- Revert agents:agent_run_key_digest from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.agent_run_key_digest(agents.agent_run_key);

COMMIT;

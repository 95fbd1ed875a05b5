-- Revert agents:guard_agent_run from pg

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TRIGGER agent_run_guard_tg ON agents.agent_run;
DROP FUNCTION agents.guard_agent_run();

COMMIT;

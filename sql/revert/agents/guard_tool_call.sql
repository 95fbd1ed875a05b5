-- Revert agents:guard_tool_call from pg
--
-- Nothing that was recorded is lost, but a call may change in any way again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TRIGGER tool_call_guard_tg ON agents.tool_call;

DROP FUNCTION agents.guard_tool_call();

COMMIT;

-- Revert agents:tool_call_digest from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.tool_call_digest(agents.tool_call);

COMMIT;

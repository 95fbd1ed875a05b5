-- Revert agents:end_tool_calls from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.end_tool_calls(uuid, uuid, timestamptz, timestamptz);

COMMIT;

-- Revert agents:redact_tool_call from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.redact_tool_call(uuid, uuid, timestamptz, text, text, text);

COMMIT;

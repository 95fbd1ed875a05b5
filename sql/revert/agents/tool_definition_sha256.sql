-- Revert agents:tool_definition_sha256 from pg

BEGIN;

DROP FUNCTION agents.tool_definition_sha256(text, text, text, jsonb, jsonb, jsonb);

COMMIT;

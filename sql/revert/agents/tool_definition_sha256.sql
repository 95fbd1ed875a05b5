-- Revert agents:tool_definition_sha256 from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.tool_definition_sha256(text, text, text, jsonb, jsonb, jsonb);

COMMIT;

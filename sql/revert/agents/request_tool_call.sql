-- Revert agents:request_tool_call from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.request_tool_call(
    uuid, uuid, text, integer, text, text, text, uuid, timestamptz, text, text, uuid, text,
    timestamptz, text, bytea, bigint, text
);

COMMIT;

-- Revert agents:finish_tool_call from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.finish_tool_call(
    uuid, uuid, text, integer, uuid, timestamptz, text, text, text, text, boolean, text, numeric,
    uuid, timestamptz, text, bytea, bigint, text
);

COMMIT;

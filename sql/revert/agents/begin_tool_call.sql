-- Revert agents:begin_tool_call from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.begin_tool_call(
    uuid, uuid, text, integer, uuid, timestamptz, bytea
);

COMMIT;

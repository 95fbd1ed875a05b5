-- Revert agents:write_turns from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.write_turns(uuid, uuid, jsonb, uuid, timestamptz, timestamptz);

COMMIT;

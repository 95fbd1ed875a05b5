-- Revert agents:record_turn from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.record_turn(uuid, uuid, jsonb, jsonb, jsonb);

COMMIT;

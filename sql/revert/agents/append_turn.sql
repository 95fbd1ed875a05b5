-- Revert agents:append_turn from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.append_turn(uuid, uuid, text, text, uuid, text, integer);

COMMIT;

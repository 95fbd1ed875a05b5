-- Revert agents:redact_turn from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.redact_turn(uuid, uuid, timestamptz, text, text);

COMMIT;

-- Revert agents:check_objects from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.check_objects(text, jsonb, text[], text[], boolean);

COMMIT;

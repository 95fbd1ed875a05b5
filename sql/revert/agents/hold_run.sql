-- Revert agents:hold_run from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.hold_run(uuid, uuid, text, integer);

COMMIT;

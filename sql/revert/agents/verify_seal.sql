-- Revert agents:verify_seal from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.verify_seal(uuid, uuid);

COMMIT;

-- Revert agents:verify_chain from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.verify_chain(uuid, timestamptz, timestamptz);

COMMIT;

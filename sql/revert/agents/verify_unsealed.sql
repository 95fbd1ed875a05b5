-- Revert agents:verify_unsealed from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.verify_unsealed(uuid, timestamptz, timestamptz);

COMMIT;

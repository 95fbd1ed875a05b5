-- Revert agents:verify_seals from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.verify_seals(uuid, timestamptz, timestamptz, smallint, bigint, integer);

COMMIT;

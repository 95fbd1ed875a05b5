-- Revert agents:verify_heads from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.verify_heads(uuid, jsonb);

COMMIT;

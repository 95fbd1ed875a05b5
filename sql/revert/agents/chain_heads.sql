-- Revert agents:chain_heads from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.chain_heads(uuid);

COMMIT;

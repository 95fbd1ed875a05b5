-- Revert agents:take_chain from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.take_chain(uuid);

COMMIT;

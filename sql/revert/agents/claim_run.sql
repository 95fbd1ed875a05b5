-- Revert agents:claim_run from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.claim_run(uuid, uuid, text, interval);

COMMIT;

-- Revert goclaw:claim_heartbeats from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.claim_heartbeats(integer, interval);

COMMIT;

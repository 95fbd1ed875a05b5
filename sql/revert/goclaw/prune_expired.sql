-- Revert goclaw:prune_expired from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.prune_expired(integer);

COMMIT;

-- Revert goclaw:expire_usage from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.expire_usage(interval, integer);

COMMIT;

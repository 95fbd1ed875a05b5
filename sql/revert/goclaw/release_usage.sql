-- Revert goclaw:release_usage from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.release_usage(text);

COMMIT;

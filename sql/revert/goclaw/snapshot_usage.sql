-- Revert goclaw:snapshot_usage from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.snapshot_usage(timestamptz);

COMMIT;

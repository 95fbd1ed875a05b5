-- Revert goclaw:settle_usage from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.settle_usage(text, bigint, bigint);

COMMIT;

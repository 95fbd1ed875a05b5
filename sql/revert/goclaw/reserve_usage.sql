-- Revert goclaw:reserve_usage from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.reserve_usage(text, uuid, uuid, text, text, bigint, bigint);

COMMIT;

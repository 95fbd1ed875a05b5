-- Revert goclaw:reclaim_webhook_calls from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.reclaim_webhook_calls(integer, integer);

COMMIT;

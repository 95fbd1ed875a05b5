-- Revert goclaw:claim_webhook_calls from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.claim_webhook_calls(text, integer, interval);

COMMIT;

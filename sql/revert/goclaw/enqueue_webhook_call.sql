-- Revert goclaw:enqueue_webhook_call from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.enqueue_webhook_call(uuid, jsonb, text, text, text, uuid, interval);

COMMIT;

-- Revert goclaw:finish_webhook_call from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.finish_webhook_call(uuid, uuid, text, jsonb);

COMMIT;

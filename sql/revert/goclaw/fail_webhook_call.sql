-- Revert goclaw:fail_webhook_call from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.fail_webhook_call(
    uuid, uuid, text, text, boolean, integer, interval, interval
);

COMMIT;

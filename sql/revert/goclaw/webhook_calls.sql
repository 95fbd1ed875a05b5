-- Revert goclaw:webhook_calls from pg
--
-- What webhook_calls hold cannot be made again, so this refuses while there is a row: it is
-- exported first. Row security is lifted for the question, because without a tenant the owner
-- cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.webhook_calls NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.webhook_calls) THEN
        RAISE EXCEPTION 'goclaw.webhook_calls holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.webhook_calls;

COMMIT;

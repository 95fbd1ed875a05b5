-- Revert goclaw:channel_instances from pg
--
-- What channel_pending_messages and channel_contacts hold cannot be made again, so this refuses
-- while there is a row: it is exported first. Row security is lifted for the question, because
-- without a tenant the owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.channel_pending_messages NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.channel_contacts NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.channel_pending_messages) THEN
        RAISE EXCEPTION 'goclaw.channel_pending_messages holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.channel_contacts) THEN
        RAISE EXCEPTION 'goclaw.channel_contacts holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.channel_contacts;
DROP FUNCTION goclaw.check_merged_contact();
DROP TABLE goclaw.channel_pending_messages;
DROP TABLE goclaw.channel_instances;

COMMIT;

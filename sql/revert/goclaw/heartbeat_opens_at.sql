-- Revert goclaw:heartbeat_opens_at from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.heartbeat_opens_at(timestamptz, text, text, text);

COMMIT;

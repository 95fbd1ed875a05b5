-- Revert goclaw:finish_heartbeat from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.finish_heartbeat(
    uuid, uuid, timestamptz, text, timestamptz, text, text, text, integer, integer, integer
);

COMMIT;

-- Revert goclaw:finish_cron_job from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.finish_cron_job(
    uuid, uuid, timestamptz, text, timestamptz, text, integer, integer, integer
);

COMMIT;

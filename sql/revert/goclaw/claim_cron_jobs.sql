-- Revert goclaw:claim_cron_jobs from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.claim_cron_jobs(integer, interval);

COMMIT;

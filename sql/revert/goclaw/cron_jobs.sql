-- Revert goclaw:cron_jobs from pg
--
-- What cron_run_logs hold cannot be made again, so this refuses while there is a row: it is
-- exported first. Row security is lifted for the question, because without a tenant the owner
-- cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.cron_run_logs NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.cron_run_logs) THEN
        RAISE EXCEPTION 'goclaw.cron_run_logs holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.cron_run_logs;
DROP TABLE goclaw.cron_jobs;

COMMIT;

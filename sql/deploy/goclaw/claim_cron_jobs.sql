-- Deploy goclaw:claim_cron_jobs to pg
-- requires: cron_jobs
--
-- Due jobs go to one worker each. A claim is last_status = 'running' and last_run_at; it holds for
-- p_lease, after which the job of a worker that died goes to the next one that asks. next_run_at
-- stays as it was, so that nothing is lost with a worker. A claim is dated by the clock: the start
-- of a long transaction would be the end of its lease, and two claims in one would have one name.
-- A claim locks rows of cron_jobs and nothing else, and skips what is locked: it waits for nobody.
-- NO KEY UPDATE, because a log that is being written holds the key of its job.
-- Locks: none.  Docs: docs/schema/goclaw.md#claim-cron-jobs

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.claim_cron_jobs(p_limit integer, p_lease interval DEFAULT '15 minutes')
RETURNS SETOF goclaw.cron_jobs
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_now CONSTANT timestamptz := clock_timestamp();
BEGIN
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION 'p_limit is not a number of jobs'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Ask for one job or more.';
    END IF;
    IF p_lease IS NULL OR p_lease <= '0' OR p_lease > '1 year' THEN
        RAISE EXCEPTION 'p_lease is not a time of up to a year'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give longer than the longest run takes.';
    END IF;

    RETURN QUERY
    WITH due AS (
        SELECT
            j.tenant_id,
            j.id
        FROM goclaw.cron_jobs AS j
        WHERE j.enabled
            AND j.next_run_at <= v_now
            AND (j.last_status IS DISTINCT FROM 'running' OR j.last_run_at <= v_now - p_lease)
            AND EXISTS (
                SELECT
                FROM goclaw.tenants AS t
                WHERE t.id = j.tenant_id
                    AND t.status = 'active'
            )
            AND EXISTS (
                SELECT
                FROM goclaw.agents AS a
                WHERE a.tenant_id = j.tenant_id
                    AND a.id = j.agent_id
                    AND a.status = 'active'
                    AND a.deleted_at IS NULL
            )
        ORDER BY j.next_run_at
        LIMIT p_limit
        FOR NO KEY UPDATE OF j SKIP LOCKED
    ),
    claimed AS (
        UPDATE goclaw.cron_jobs AS j
        SET last_run_at = greatest(v_now, j.last_run_at + interval '1 microsecond'),
            last_status = 'running',
            last_error = CASE
                WHEN j.last_status = 'running' THEN 'the run before this one did not end'
                ELSE j.last_error
            END
        FROM due
        WHERE j.tenant_id = due.tenant_id
            AND j.id = due.id
        RETURNING j.*
    )
    SELECT *
    FROM claimed AS c
    ORDER BY c.next_run_at, c.tenant_id, c.id;
END;
$function$;

COMMENT ON FUNCTION goclaw.claim_cron_jobs(integer, interval) IS
    'Claims up to p_limit jobs that are due, of active agents of active tenants, those first that '
    'are due longest, and returns them. p_lease: how long a claim holds, longer than the longest '
    'run and up to a year; a run that has not ended by then is taken for lost, and its job is '
    'claimed again. finish_cron_job() wants last_run_at of the answer, to the microsecond. Jobs '
    'that another session has locked are left to it. Raises 22023 when p_limit or p_lease is not '
    'positive, or p_lease is longer.';

REVOKE ALL ON FUNCTION goclaw.claim_cron_jobs(integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.claim_cron_jobs(integer, interval) TO muniment_service;

COMMIT;

-- Deploy goclaw:finish_cron_job to pg
-- requires: cron_jobs
-- requires: agent_heartbeats
--
-- The end of a run that claim_cron_jobs() began, by whoever still has the claim. A worker that was
-- too slow, and whose job somebody else claimed, is refused and changes nothing.
-- The log is written first, even of a job that takes it along, or of a run that is refused, which
-- takes it back: its references lock agent and job in the order in which a deletion of the agent
-- does. The heartbeat comes last. A job that was deleted while the log waited for it is gone like
-- one that was deleted before.
-- Locks: none.  Docs: docs/schema/goclaw.md#finish-cron-job

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.finish_cron_job(
    p_tenant_id uuid,
    p_job_id uuid,
    p_claimed_at timestamptz,
    p_status text,
    p_next_run_at timestamptz,
    p_error text DEFAULT NULL,
    p_input_tokens integer DEFAULT NULL,
    p_output_tokens integer DEFAULT NULL,
    p_duration_ms integer DEFAULT NULL
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_job record;
    v_key text;
BEGIN
    -- Two who end the same run do so one after the other: both would share the key of the job for
    -- their logs, and neither could delete it.
    PERFORM pg_advisory_xact_lock(
        'goclaw.cron_jobs'::regclass::oid::integer, hashtext(p_job_id::text)
    );

    BEGIN
        INSERT INTO goclaw.cron_run_logs (
            tenant_id, job_id, agent_id, status, input_tokens, output_tokens, duration_ms, team_id
        )
        SELECT
            j.tenant_id,
            j.id,
            j.agent_id,
            p_status,
            p_input_tokens,
            p_output_tokens,
            p_duration_ms,
            j.team_id
        FROM goclaw.cron_jobs AS j
        WHERE j.tenant_id = p_tenant_id
            AND j.id = p_job_id;
    EXCEPTION
        WHEN foreign_key_violation THEN
            -- Without job or agent the next statement finds nothing.
            GET STACKED DIAGNOSTICS v_key = CONSTRAINT_NAME;
            IF v_key NOT IN ('cron_run_logs_job_fk', 'cron_run_logs_agent_fk') THEN
                RAISE;
            END IF;
    END;

    -- Due after the claim means that somebody set another time during the run, which stands; so
    -- does NULL.
    UPDATE goclaw.cron_jobs AS j
    SET last_status = p_status,
        last_error = CASE WHEN p_status = 'ok' THEN NULL ELSE p_error END,
        next_run_at = CASE
            WHEN j.next_run_at <= j.last_run_at THEN p_next_run_at
            ELSE j.next_run_at
        END
    WHERE j.tenant_id = p_tenant_id
        AND j.id = p_job_id
        AND j.last_run_at = p_claimed_at
        AND j.last_status = 'running'
    RETURNING j.agent_id, j.delete_after_run, j.wake_heartbeat, j.next_run_at INTO v_job;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_claimed_at does not name the claim of job %', p_job_id
            USING ERRCODE = 'MU310',
                  DETAIL = 'It was finished, deleted, or claimed by somebody else after the lease.',
                  HINT = 'Discard the result of this run.';
    END IF;

    IF v_job.delete_after_run AND p_status = 'ok' THEN
        DELETE FROM goclaw.cron_jobs AS j
        WHERE j.tenant_id = p_tenant_id
            AND j.id = p_job_id;
        v_job.next_run_at := NULL;
    END IF;

    -- A heartbeat that is running is due again after it: it may have begun before this job ended.
    -- The time is later than its claim, however old this transaction is: finish_heartbeat() takes
    -- an earlier one for the time at which the heartbeat was due.
    IF v_job.wake_heartbeat THEN
        UPDATE goclaw.agent_heartbeats AS h
        SET next_run_at = CASE
            WHEN h.last_status = 'running'
                THEN greatest(now(), h.last_run_at + interval '1 microsecond')
            ELSE now()
        END
        WHERE h.tenant_id = p_tenant_id
            AND h.agent_id = v_job.agent_id
            AND h.enabled
            AND (h.next_run_at IS NULL OR h.next_run_at > now() OR h.last_status = 'running');
    END IF;

    RETURN v_job.next_run_at;
END;
$function$;

COMMENT ON FUNCTION goclaw.finish_cron_job(
    uuid, uuid, timestamptz, text, timestamptz, text, integer, integer, integer
) IS
    'Ends a run of a job, logs it, deletes the job if it succeeded and asks for that, and wakes '
    'the heartbeat of the agent if the job asks for that. Returns when the job is due next, NULL '
    'for never. p_claimed_at: last_run_at as claim_cron_jobs() returned it. p_status: ok or '
    'error. p_next_run_at: as the caller computed it from the schedule, NULL for never; a time '
    'that somebody set during the run stands instead. p_error: for people. Tokens are counted, '
    'p_duration_ms is in milliseconds; NULL means not known. Raises MU310 when the claim is no '
    'longer the caller''s, 23514 for another status or a negative number, 23502 when the status '
    'is NULL, 23503 when the team is being deleted: without it the job goes on, so call again.';

REVOKE ALL ON FUNCTION goclaw.finish_cron_job(
    uuid, uuid, timestamptz, text, timestamptz, text, integer, integer, integer
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.finish_cron_job(
    uuid, uuid, timestamptz, text, timestamptz, text, integer, integer, integer
) TO muniment_service;

COMMIT;

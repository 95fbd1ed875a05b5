-- Deploy open_agents:abort_stale_runs to pg
-- requires: workflow_run_steps
--
-- A worker that died leaves its run running for ever. This ends such runs, of all accounts, the
-- oldest first. Runs that somebody works on at the moment are passed over, and so are those that
-- another call has in hand. It is for the backend, so it names its accounts itself.
-- Locks: none.  Docs: docs/schema/open_agents.md#abort-stale-runs

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION open_agents.abort_stale_runs(p_before timestamptz, p_limit integer DEFAULT 100)
RETURNS TABLE (account_id uuid, workflow_run_id text)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_run      record;
    v_ended_at timestamptz;
    v_step_at  timestamptz;
BEGIN
    FOR v_run IN
        SELECT r.tenant_id, r.id, r.started_at
        FROM open_agents.workflow_runs AS r
        WHERE r.status = 'running'
            AND r.started_at < p_before
            AND NOT EXISTS (
                SELECT
                FROM open_agents.workflow_run_steps AS s
                WHERE s.tenant_id = r.tenant_id
                    AND s.workflow_run_id = r.id
                    AND greatest(s.started_at, s.finished_at) >= p_before
            )
        ORDER BY r.started_at
        LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        -- A step may have begun between the look and the lock. With the lock, none can any more:
        -- admit_step() waits for it.
        SELECT max(greatest(s.started_at, s.finished_at))
        INTO v_step_at
        FROM open_agents.workflow_run_steps AS s
        WHERE s.tenant_id = v_run.tenant_id
            AND s.workflow_run_id = v_run.id;
        CONTINUE WHEN v_step_at >= p_before;

        v_ended_at := greatest(clock_timestamp(), v_run.started_at, v_step_at);

        UPDATE open_agents.workflow_run_steps AS s
        SET finished_at = v_ended_at,
            duration_ms = floor(extract(epoch FROM v_ended_at - s.started_at) * 1000),
            finish_reason = 'aborted'
        WHERE s.tenant_id = v_run.tenant_id
            AND s.workflow_run_id = v_run.id
            AND s.finished_at IS NULL;

        UPDATE open_agents.workflow_runs AS r
        SET status = 'aborted',
            finished_at = v_ended_at,
            total_duration_ms = floor(extract(epoch FROM v_ended_at - r.started_at) * 1000)
        WHERE r.tenant_id = v_run.tenant_id
            AND r.id = v_run.id;

        account_id := v_run.tenant_id;
        workflow_run_id := v_run.id;
        RETURN NEXT;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION open_agents.abort_stale_runs(timestamptz, integer) IS
    'Ends as aborted the runs of all accounts that began before p_before and of which no step '
    'began or ended since, the oldest first, at most p_limit of them, or all if that is NULL. '
    'Returns account and id of each. Raises 2201W when p_limit is negative.';

REVOKE ALL ON FUNCTION open_agents.abort_stale_runs(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_agents.abort_stale_runs(timestamptz, integer) TO muniment_service;

COMMIT;

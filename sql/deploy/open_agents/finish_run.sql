-- Deploy open_agents:finish_run to pg
-- requires: workflow_run_steps
--
-- How a run that was begun here ends. One that is aborted or fails ends its open step with it; one
-- that is completed has none, the trigger says. A run does not end before its last step.
-- Locks: none.  Docs: docs/schema/open_agents.md#finish-run

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION open_agents.finish_run(p_workflow_run_id text, p_status text)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
    v_run       record;
    v_ended_at  timestamptz;
BEGIN
    SELECT r.status, r.started_at
    INTO v_run
    FROM open_agents.workflow_runs AS r
    WHERE r.tenant_id = v_tenant_id
        AND r.id = p_workflow_run_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workflow run % is not there', p_workflow_run_id
            USING ERRCODE = 'no_data_found',
                  HINT = 'Begin it with open_agents.start_run().';
    END IF;

    IF v_run.status <> 'running' THEN
        IF v_run.status IS DISTINCT FROM p_status THEN
            RAISE EXCEPTION 'workflow run % has ended: %', p_workflow_run_id, v_run.status
                USING ERRCODE = 'MU402',
                      HINT = 'What has ended stays as it was.';
        END IF;
        RETURN false;
    END IF;

    SELECT greatest(clock_timestamp(), v_run.started_at, max(s.started_at), max(s.finished_at))
    INTO v_ended_at
    FROM open_agents.workflow_run_steps AS s
    WHERE s.tenant_id = v_tenant_id
        AND s.workflow_run_id = p_workflow_run_id;

    IF p_status IS DISTINCT FROM 'completed' THEN
        UPDATE open_agents.workflow_run_steps AS s
        SET finished_at = v_ended_at,
            duration_ms = floor(extract(epoch FROM v_ended_at - s.started_at) * 1000),
            finish_reason = p_status
        WHERE s.tenant_id = v_tenant_id
            AND s.workflow_run_id = p_workflow_run_id
            AND s.finished_at IS NULL;
    END IF;

    UPDATE open_agents.workflow_runs AS r
    SET status = p_status,
        finished_at = v_ended_at,
        total_duration_ms = floor(extract(epoch FROM v_ended_at - r.started_at) * 1000)
    WHERE r.tenant_id = v_tenant_id
        AND r.id = p_workflow_run_id;

    RETURN true;
END;
$function$;

COMMENT ON FUNCTION open_agents.finish_run(text, text) IS
    'Ends a run as completed, aborted or failed and notes how long it took; aborted and failed end '
    'an open step too, with the status as its reason. Returns true, or false when it had ended so. '
    'Raises P0002 when the account has no such run, MU402 when it had ended otherwise, MU403 when '
    'it is to be completed while a step is open, 23514 for any other status, 23502 without one, '
    '42501 when no tenant is set.';

REVOKE ALL ON FUNCTION open_agents.finish_run(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_agents.finish_run(text, text) TO muniment_app;

COMMIT;

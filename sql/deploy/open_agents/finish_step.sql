-- Deploy open_agents:finish_step to pg
-- requires: workflow_run_steps
--
-- The run is locked before the step, as everywhere. Then the step is looked at again: it may have
-- ended since.
-- Locks: none.  Docs: docs/schema/open_agents.md#finish-step

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION open_agents.finish_step(p_step_id text, p_finish_reason text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
    v_run_id    text;
    v_step      record;
    v_ended_at  timestamptz;
BEGIN
    SELECT s.workflow_run_id
    INTO v_run_id
    FROM open_agents.workflow_run_steps AS s
    WHERE s.tenant_id = v_tenant_id
        AND s.id = p_step_id;

    PERFORM
    FROM open_agents.workflow_runs AS r
    WHERE r.tenant_id = v_tenant_id
        AND r.id = v_run_id
    FOR NO KEY UPDATE;

    SELECT s.started_at, s.finished_at, s.finish_reason
    INTO v_step
    FROM open_agents.workflow_run_steps AS s
    WHERE s.tenant_id = v_tenant_id
        AND s.workflow_run_id = v_run_id
        AND s.id = p_step_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'step % is not there', p_step_id
            USING ERRCODE = 'no_data_found',
                  HINT = 'Begin it with open_agents.start_step().';
    END IF;

    IF v_step.finished_at IS NOT NULL THEN
        IF v_step.finish_reason IS DISTINCT FROM p_finish_reason THEN
            RAISE EXCEPTION 'step % has ended: %', p_step_id, v_step.finish_reason
                USING ERRCODE = 'MU404',
                      HINT = 'What has ended stays as it was.';
        END IF;
        RETURN false;
    END IF;

    v_ended_at := greatest(clock_timestamp(), v_step.started_at);

    UPDATE open_agents.workflow_run_steps AS s
    SET finished_at = v_ended_at,
        duration_ms = floor(extract(epoch FROM v_ended_at - s.started_at) * 1000),
        finish_reason = p_finish_reason
    WHERE s.tenant_id = v_tenant_id
        AND s.id = p_step_id;

    RETURN true;
END;
$function$;

COMMENT ON FUNCTION open_agents.finish_step(text, text) IS
    'Ends a step, with the reason if there is one, and notes how long it took. Returns true, or '
    'false when it had ended with the same reason. Raises P0002 when the account has no such step, '
    'MU404 when it had ended with another reason, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION open_agents.finish_step(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_agents.finish_step(text, text) TO muniment_app;

COMMIT;

-- Deploy open_agents:start_step to pg
-- requires: workflow_run_steps
--
-- The row of the run is locked, so steps are begun and ended one after the other. A step does not
-- begin before its run, nor before the end of the step ahead, even if the clock of the server was
-- set back: durations add up to no more than that of the run. That the run still runs, the trigger
-- asks.
-- Locks: none.  Docs: docs/schema/open_agents.md#start-step

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION open_agents.start_step(p_workflow_run_id text, p_step_id text)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
    v_run       record;
    v_step      record;
    v_number    integer;
BEGIN
    SELECT r.started_at
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

    SELECT s.workflow_run_id, s.step_number
    INTO v_step
    FROM open_agents.workflow_run_steps AS s
    WHERE s.tenant_id = v_tenant_id
        AND s.id = p_step_id;
    IF FOUND THEN
        IF v_step.workflow_run_id <> p_workflow_run_id THEN
            RAISE EXCEPTION 'step % is there with another run', p_step_id
                USING ERRCODE = 'MU400',
                      HINT = 'Give a new step a new id.';
        END IF;
        RETURN v_step.step_number;
    END IF;

    SELECT s.id
    INTO v_step
    FROM open_agents.workflow_run_steps AS s
    WHERE s.tenant_id = v_tenant_id
        AND s.workflow_run_id = p_workflow_run_id
        AND s.finished_at IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'workflow run % has an open step: %', p_workflow_run_id, v_step.id
            USING ERRCODE = 'MU403',
                  HINT = 'End it with open_agents.finish_step().';
    END IF;

    INSERT INTO open_agents.workflow_run_steps (
        tenant_id, id, workflow_run_id, step_number, started_at
    )
    SELECT
        v_tenant_id,
        p_step_id,
        p_workflow_run_id,
        coalesce(max(s.step_number), 0) + 1,
        greatest(clock_timestamp(), v_run.started_at, max(s.finished_at))
    FROM open_agents.workflow_run_steps AS s
    WHERE s.tenant_id = v_tenant_id
        AND s.workflow_run_id = p_workflow_run_id
    -- Another run, which is not locked here, may have taken the id since.
    ON CONFLICT (tenant_id, id) DO NOTHING
    RETURNING step_number INTO v_number;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'step % is there with another run', p_step_id
            USING ERRCODE = 'MU400',
                  HINT = 'Give a new step a new id.';
    END IF;

    RETURN v_number;
END;
$function$;

COMMENT ON FUNCTION open_agents.start_step(text, text) IS
    'Begins the next step of a run and returns its number, counted from 1. The same step again is '
    'not begun again: the number that it has is returned. Raises P0002 when the account has no '
    'such run, MU400 when the id is that of a step of another run, MU402 when the run has ended, '
    'MU403 while another step is open, 23514 for an empty id, 23502 without one, 42501 when no '
    'tenant is set.';

REVOKE ALL ON FUNCTION open_agents.start_step(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_agents.start_step(text, text) TO muniment_app;

COMMIT;

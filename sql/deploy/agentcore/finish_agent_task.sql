-- Deploy agentcore:finish_agent_task to pg
-- requires: agent_task
--
-- A task ends once. A worker that comes back after its task was given up for lost is told so, and
-- changes nothing. A clock that was set back since the start ends no task before it began.
-- Locks: none.  Docs: docs/schema/agentcore.md#finish-agent-task

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.finish_agent_task(
    p_department_id uuid,
    p_agent_task_id uuid,
    p_status text,
    p_input_tokens integer DEFAULT 0,
    p_output_tokens integer DEFAULT 0,
    p_cost numeric DEFAULT NULL,
    p_error text DEFAULT NULL
)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_now         CONSTANT timestamptz := clock_timestamp();
    v_duration_ms integer;
BEGIN
    IF (p_status IN ('done', 'failed')) IS NOT TRUE THEN
        RAISE EXCEPTION 'status is out of range: %', coalesce(p_status, 'null')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A worker ends a task as done or failed.';
    END IF;

    UPDATE agentcore.agent_task AS t
    SET status = p_status,
        input_tokens = p_input_tokens,
        output_tokens = p_output_tokens,
        cost = p_cost,
        duration_ms = greatest(
            least(extract(epoch FROM v_now - t.started_at) * 1000, 2147483647), 0
        )::integer,
        completed_at = greatest(v_now, t.started_at),
        metadata = CASE
            WHEN p_error IS NULL THEN t.metadata
            ELSE t.metadata || jsonb_build_object('error', p_error)
        END
    WHERE t.department_id = p_department_id
        AND t.id = p_agent_task_id
        AND t.status = 'running'
    RETURNING t.duration_ms INTO v_duration_ms;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'task % is not there or not running', p_agent_task_id
            USING ERRCODE = 'MU437',
                  HINT = 'Drop the result: the task has ended otherwise.';
    END IF;

    RETURN v_duration_ms;
END;
$function$;

COMMENT ON FUNCTION agentcore.finish_agent_task(
    uuid, uuid, text, integer, integer, numeric, text
) IS
    'Ends a running task as done or failed. p_cost is in US dollars, NULL when not priced; '
    'p_error goes into its metadata. Returns how long it took, in milliseconds (at most '
    '2147483647). Raises 22023 when the status is neither, MU437 when the task is not there or '
    'not running, 23514 when tokens or cost are negative or no number, 23502 when tokens are NULL.';

REVOKE ALL ON FUNCTION agentcore.finish_agent_task(
    uuid, uuid, text, integer, integer, numeric, text
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.finish_agent_task(
    uuid, uuid, text, integer, integer, numeric, text
) TO muniment_service;

COMMIT;

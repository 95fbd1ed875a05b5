-- Deploy agentcore:time_out_agent_tasks to pg
-- requires: agent_task
--
-- A task whose worker has died would run for ever. What a worker is just finishing is passed over,
-- not waited for.
-- Locks: none.  Docs: docs/schema/agentcore.md#time-out-agent-tasks

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.time_out_agent_tasks(p_running_for interval)
RETURNS bigint
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH lost AS (
        SELECT
            r.department_id,
            r.id
        FROM agentcore.agent_task AS r
        WHERE r.status = 'running'
            AND r.started_at < now() - p_running_for
        FOR NO KEY UPDATE SKIP LOCKED
    ),
    ended AS (
        UPDATE agentcore.agent_task AS t
        SET status = 'timeout',
            -- At most what an integer holds, 24 days: one such task must not stop the rest.
            duration_ms = least(
                extract(epoch FROM clock_timestamp() - t.started_at) * 1000, 2147483647
            )::integer,
            completed_at = clock_timestamp()
        FROM lost
        WHERE t.department_id = lost.department_id
            AND t.id = lost.id
        RETURNING 1
    )
    SELECT count(*)
    FROM ended;
$function$;

COMMENT ON FUNCTION agentcore.time_out_agent_tasks(interval) IS
    'Ends every task, of all departments, that has been running for longer than p_running_for, as '
    'timeout. Returns how many. Raises nothing.';

REVOKE ALL ON FUNCTION agentcore.time_out_agent_tasks(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.time_out_agent_tasks(interval) TO muniment_service;

COMMIT;

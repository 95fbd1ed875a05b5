-- Deploy astra:complete_task to pg
-- requires: tasks
-- requires: lock_goal
--
-- The goal is locked before the task, as everywhere. A lease that has ended is no obstacle while
-- nobody has taken the task back. A worker that does several tasks at once may have been given the
-- same one again; only the number of the attempt tells the one from the other.
-- Locks: the goal, the task, then the tasks that wait for it, when it is called.
-- Docs: docs/schema/astra.md#complete-task

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.complete_task(
    p_worker_id uuid, p_task_id uuid, p_result jsonb DEFAULT NULL, p_attempt integer DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id  CONSTANT uuid := platform.current_tenant_id();
    v_goal_id uuid;
BEGIN
    SELECT t.goal_id
    INTO v_goal_id
    FROM astra.tasks AS t
    WHERE t.org_id = v_org_id
        AND t.id = p_task_id;
    PERFORM astra.lock_goal(v_org_id, v_goal_id);

    UPDATE astra.tasks AS t
    SET
        status = 'completed',
        result = p_result
    WHERE t.org_id = v_org_id
        AND t.id = p_task_id
        AND t.worker_id = p_worker_id
        AND t.status = 'running'
        AND (p_attempt IS NULL OR t.attempts = p_attempt);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_task_id %: the task is not with worker %', p_task_id, p_worker_id
            USING ERRCODE = 'MU417',
                  HINT = 'It has ended, or its lease has and it was taken back; drop the result.';
    END IF;
END;
$function$;

COMMENT ON FUNCTION astra.complete_task(uuid, uuid, jsonb, integer) IS
    'Ends a task of a worker with its result; what waited for it is unblocked, and the goal is '
    'completed after its last task. p_attempt is the number that claim_tasks returned as '
    'attempts; without it any attempt of the worker is meant. Returns nothing. Raises MU417 when '
    'the worker has not got the task, or that attempt of it, (any more), MU410 unless the '
    'transaction is read committed, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION astra.complete_task(uuid, uuid, jsonb, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.complete_task(uuid, uuid, jsonb, integer) TO muniment_app;

COMMIT;

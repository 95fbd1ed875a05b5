-- Deploy astra:fail_task to pg
-- requires: tasks
-- requires: lock_goal
--
-- An attempt that failed is tried again while there are attempts left; a task that fails for good
-- fails its goal.
-- Locks: the goal, then its tasks, when it is called.  Docs: docs/schema/astra.md#fail-task

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.fail_task(
    p_worker_id uuid, p_task_id uuid, p_error text, p_retry boolean DEFAULT true,
    p_attempt integer DEFAULT NULL
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id  CONSTANT uuid := platform.current_tenant_id();
    v_goal_id uuid;
    v_status  text;
BEGIN
    SELECT t.goal_id
    INTO v_goal_id
    FROM astra.tasks AS t
    WHERE t.org_id = v_org_id
        AND t.id = p_task_id;
    PERFORM astra.lock_goal(v_org_id, v_goal_id);

    UPDATE astra.tasks AS t
    SET
        status = CASE
            WHEN p_retry IS NOT FALSE AND t.attempts < t.max_attempts THEN 'pending'
            ELSE 'failed'
        END,
        error = p_error
    WHERE t.org_id = v_org_id
        AND t.id = p_task_id
        AND t.worker_id = p_worker_id
        AND t.status = 'running'
        AND (p_attempt IS NULL OR t.attempts = p_attempt)
    RETURNING t.status INTO v_status;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_task_id %: the task is not with worker %', p_task_id, p_worker_id
            USING ERRCODE = 'MU417',
                  HINT = 'It has ended, or its lease has and it was taken back.';
    END IF;

    RETURN v_status;
END;
$function$;

COMMENT ON FUNCTION astra.fail_task(uuid, uuid, text, boolean, integer) IS
    'Ends an attempt of a worker with an error. Returns what the task is now: pending, to be '
    'tried again; failed, when no attempt is left or p_retry is false, and then its goal is too; '
    'cancelled, when its goal has ended. p_attempt is as in complete_task. Raises MU417 when the '
    'worker has not got the task, or that attempt of it, (any more), MU410 unless the transaction '
    'is read committed, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION astra.fail_task(uuid, uuid, text, boolean, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.fail_task(uuid, uuid, text, boolean, integer) TO muniment_app;

COMMIT;

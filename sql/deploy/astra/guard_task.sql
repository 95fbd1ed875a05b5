-- Deploy astra:guard_task to pg
-- requires: lock_goal
--
-- Before the table, because a table comes with its triggers. It counts attempts and sets times,
-- takes a lease off what no longer runs, and keeps what is on record: what was to be done, from the
-- first attempt or request for approval on; who has it, as long as it runs; all of it, when it has
-- ended. That nothing runs before its time is not here: the CHECK tasks_unblocked_ck says it.
-- Locks: none.  Docs: docs/schema/astra.md#guard-task

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.guard_task()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_goal_status text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        v_goal_status := astra.lock_goal(NEW.org_id, NEW.goal_id);
        -- NULL: there is no such goal, and the reference says so.
        IF v_goal_status NOT IN ('pending', 'active') OR NEW.status <> 'pending' THEN
            RAISE EXCEPTION 'task of goal %: it cannot begin as %, the goal is %',
                NEW.goal_id, NEW.status, v_goal_status
                USING ERRCODE = 'MU412',
                      HINT = 'Insert tasks as pending, while their goal is pending or active.';
        END IF;
        NEW.blockers := CASE v_goal_status WHEN 'active' THEN 0 ELSE 1 END;
        NEW.attempts := 0;
        NEW.priority := coalesce(
            NEW.priority,
            (
                SELECT a.priority
                FROM astra.goals AS g
                INNER JOIN astra.agents AS a
                    ON a.org_id = g.org_id AND a.id = coalesce(NEW.agent_id, g.agent_id)
                WHERE g.org_id = NEW.org_id
                    AND g.id = NEW.goal_id
            ),
            0
        );
        RETURN NEW;
    END IF;

    IF NEW.goal_id <> OLD.goal_id THEN
        RAISE EXCEPTION 'task %: goal_id never changes', OLD.id
            USING ERRCODE = 'MU412',
                  HINT = 'Insert another task.';
    END IF;
    IF OLD.status IN ('completed', 'failed', 'cancelled')
        AND NEW.status = OLD.status
        AND NEW IS DISTINCT FROM OLD
    THEN
        RAISE EXCEPTION 'task %: it is % and stays as it is', OLD.id, OLD.status
            USING ERRCODE = 'MU412',
                  HINT = 'Insert another task.';
    END IF;

    -- People approve, and workers are given, what the row says; it is not another task afterwards.
    -- Whoever asks locks the task, so a request that is under way is waited for.
    IF (NEW.type, NEW.payload, NEW.agent_id, NEW.graph_id)
        IS DISTINCT FROM (OLD.type, OLD.payload, OLD.agent_id, OLD.graph_id)
        AND (
            NEW.status <> 'pending'
            OR OLD.attempts > 0
            OR EXISTS (
                SELECT
                FROM astra.approval_requests AS r
                WHERE r.org_id = OLD.org_id
                    AND r.task_id = OLD.id
            )
        )
    THEN
        RAISE EXCEPTION 'task %: what is to be done does not change any more', OLD.id
            USING ERRCODE = 'MU412',
                  HINT = 'Change a task before it is claimed and before people are asked; later '
                         'cancel it and insert another.';
    END IF;

    IF OLD.status = 'pending' AND NEW.status = 'running' THEN
        NEW.attempts := OLD.attempts + 1;
        NEW.result := NULL;
        NEW.started_at := clock_timestamp();
        RETURN NEW;
    END IF;

    NEW.attempts := OLD.attempts;
    IF NEW.worker_id IS DISTINCT FROM OLD.worker_id THEN
        RAISE EXCEPTION 'task %: worker_id changes only when the task is claimed', OLD.id
            USING ERRCODE = 'MU412',
                  HINT = 'Let the task come back, then claim it for the other worker.';
    END IF;
    IF NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;
    IF OLD.status = 'running' AND NEW.status = 'pending' THEN
        -- Nobody would cancel it later.
        IF astra.lock_goal(NEW.org_id, NEW.goal_id) <> 'active' THEN
            NEW.status := 'cancelled';
        END IF;
    ELSIF (OLD.status, NEW.status) NOT IN (
        ('pending', 'failed'), ('pending', 'cancelled'),
        ('running', 'completed'), ('running', 'failed')
    ) THEN
        RAISE EXCEPTION 'status of task %: % does not become %', NEW.id, OLD.status, NEW.status
            USING ERRCODE = 'MU412',
                  HINT = 'What has ended stays as it is; insert another task.';
    END IF;

    NEW.lease_expires_at := NULL;
    NEW.finished_at := CASE NEW.status WHEN 'pending' THEN NULL ELSE clock_timestamp() END;
    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION astra.guard_task() IS
    'Trigger function of tasks: lets a task begin as pending in a goal that has not ended, go to '
    'running and on to completed, failed or back to pending, or from pending to failed or '
    'cancelled. A task that comes back when its goal is no longer active is cancelled. What is to '
    'be done stays from the first attempt or request for approval on, worker_id between claims, '
    'and all of it when the task has ended. Raises MU412 for any other change, MU410 unless the '
    'transaction is read committed.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.guard_task() FROM PUBLIC;

COMMIT;

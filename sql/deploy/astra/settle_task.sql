-- Deploy astra:settle_task to pg
-- requires: lock_goal
--
-- What the end of a task leads to: those that wait for it have one blocker less, the last one
-- completes the goal, one that failed for good fails it. Of two that end at the same time, the
-- second waits for the lock of the goal and sees the first, so neither leaves the goal to the
-- other.
-- Locks: none.  Docs: docs/schema/astra.md#settle-task

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.settle_task()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_goal_status text;
BEGIN
    IF NEW.status NOT IN ('completed', 'failed') THEN
        RETURN NULL;
    END IF;

    v_goal_status := astra.lock_goal(NEW.org_id, NEW.goal_id);
    IF NEW.status = 'failed' THEN
        UPDATE astra.goals AS g
        SET status = 'failed'
        WHERE g.org_id = NEW.org_id
            AND g.id = NEW.goal_id
            AND g.status IN ('pending', 'active');
        RETURN NULL;
    END IF;

    UPDATE astra.tasks AS t
    SET blockers = t.blockers - 1
    FROM astra.task_dependencies AS d
    WHERE d.org_id = NEW.org_id
        AND d.depends_on = NEW.id
        AND t.org_id = d.org_id
        AND t.id = d.task_id
        AND t.status = 'pending';
    IF FOUND OR v_goal_status <> 'active' THEN
        RETURN NULL;
    END IF;

    -- Nothing waited for it, so it may have been the last. Under the lock only one can be.
    PERFORM
    FROM astra.tasks AS t
    WHERE t.org_id = NEW.org_id
        AND t.goal_id = NEW.goal_id
        AND t.status IN ('pending', 'running')
    LIMIT 1;
    IF NOT FOUND THEN
        UPDATE astra.goals AS g
        SET status = 'completed'
        WHERE g.org_id = NEW.org_id
            AND g.id = NEW.goal_id;
    END IF;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION astra.settle_task() IS
    'Trigger function of tasks: unblocks what waits for a completed task, completes the goal '
    'after its last task, and fails the goal of a failed task. Raises MU410 unless the '
    'transaction is read committed.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.settle_task() FROM PUBLIC;

COMMIT;

-- Deploy astra:settle_task to pg
-- requires: lock_goal
--
-- What the end of a task leads to: those that wait for it have one blocker less, or are cancelled
-- with it, since they would wait for ever; the last one completes the goal, one that failed for
-- good fails it. Of two that end at the same time, the second waits for the lock of the goal and
-- sees the first, so neither leaves the goal to the other.
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
    -- What a trigger cancels, this one or that of the goal, needs nothing more.
    IF NEW.status IN ('pending', 'running')
        OR NEW.status = 'cancelled' AND pg_trigger_depth() > 1
    THEN
        RETURN NULL;
    END IF;

    -- A goal that has ended took along what was pending; nothing waits for this one.
    v_goal_status := astra.lock_goal(NEW.org_id, NEW.goal_id);
    IF v_goal_status NOT IN ('pending', 'active') THEN
        RETURN NULL;
    END IF;

    IF NEW.status = 'failed' THEN
        UPDATE astra.goals AS g
        SET status = 'failed'
        WHERE g.org_id = NEW.org_id
            AND g.id = NEW.goal_id;
        RETURN NULL;
    END IF;

    IF NEW.status = 'completed' THEN
        UPDATE astra.tasks AS t
        SET blockers = t.blockers - 1
        FROM astra.task_dependencies AS d
        WHERE d.org_id = NEW.org_id
            AND d.depends_on = NEW.id
            AND t.org_id = d.org_id
            AND t.id = d.task_id
            AND t.status = 'pending';
        IF FOUND THEN
            RETURN NULL;
        END IF;
    ELSE
        WITH RECURSIVE waiting (id) AS (
            SELECT d.task_id
            FROM astra.task_dependencies AS d
            WHERE d.org_id = NEW.org_id
                AND d.depends_on = NEW.id
            UNION
            SELECT d.task_id
            FROM waiting AS w
            INNER JOIN astra.task_dependencies AS d
                ON d.org_id = NEW.org_id AND d.depends_on = w.id
        )
        UPDATE astra.tasks AS t
        SET status = 'cancelled'
        FROM waiting AS w
        WHERE t.org_id = NEW.org_id
            AND t.id = w.id
            AND t.status = 'pending';

        -- A goal of which nothing was done is not completed by giving up the rest.
        PERFORM
        FROM astra.tasks AS t
        WHERE t.org_id = NEW.org_id
            AND t.goal_id = NEW.goal_id
            AND t.status = 'completed'
        LIMIT 1;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;

    -- Nothing waits for it, so it may have been the last. Under the lock only one can be.
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
            AND g.id = NEW.goal_id
            AND g.status = 'active';
    END IF;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION astra.settle_task() IS
    'Trigger function of tasks: unblocks what waits for a completed task, cancels what waits for '
    'a cancelled one, completes the goal after its last task, if any was completed, and fails the '
    'goal of a failed task. Raises MU410 unless the transaction is read committed.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.settle_task() FROM PUBLIC;

COMMIT;

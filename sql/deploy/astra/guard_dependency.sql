-- Deploy astra:guard_dependency to pg
-- requires: lock_goal
--
-- No circle is closed, not even by two sessions that each bring one half: the goal is locked first,
-- so the second sees what the first has written. What a task that has begun had to wait for stays
-- on record.
-- Locks: none.  Docs: docs/schema/astra.md#guard-dependency

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.guard_dependency()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_status text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        -- Before the row is deleted, or an insert of the same one would wait for it with the goal
        -- in hand.
        PERFORM astra.lock_goal(OLD.org_id, OLD.goal_id);
        -- It goes with its tasks; by itself, as long as its task has not begun. That is cancelled
        -- at the latest when the goal ends.
        IF pg_trigger_depth() = 1 THEN
            SELECT t.status
            INTO v_status
            FROM astra.tasks AS t
            WHERE t.org_id = OLD.org_id
                AND t.id = OLD.task_id
            FOR NO KEY UPDATE;
            IF v_status <> 'pending' THEN
                RAISE EXCEPTION 'task_id %: the task is %', OLD.task_id, v_status
                    USING ERRCODE = 'MU412',
                          HINT = 'What it waited for stays on record.';
            END IF;
        END IF;
        RETURN OLD;
    END IF;

    IF astra.lock_goal(NEW.org_id, NEW.goal_id) NOT IN ('pending', 'active') THEN
        RAISE EXCEPTION 'goal_id %: the goal has ended', NEW.goal_id
            USING ERRCODE = 'MU412',
                  HINT = 'Change the plan of a goal that is pending or active.';
    END IF;

    -- Waits for a claim that is under way, and so sees what came of it. NULL is left to the
    -- reference.
    SELECT t.status
    INTO v_status
    FROM astra.tasks AS t
    WHERE t.org_id = NEW.org_id
        AND t.id = NEW.task_id
    FOR NO KEY UPDATE;
    IF v_status <> 'pending' THEN
        RAISE EXCEPTION 'task_id %: the task is %', NEW.task_id, v_status
            USING ERRCODE = 'MU412',
                  HINT = 'Only what has not begun can be made to wait.';
    END IF;

    SELECT t.status
    INTO v_status
    FROM astra.tasks AS t
    WHERE t.org_id = NEW.org_id
        AND t.id = NEW.depends_on;
    IF v_status IN ('failed', 'cancelled') THEN
        RAISE EXCEPTION 'depends_on %: the task is %', NEW.depends_on, v_status
            USING ERRCODE = 'MU412',
                  HINT = 'It would never be completed; insert another task in its place.';
    END IF;

    -- From the one that is to wait, along whatever waits for it: nothing, where a plan is written
    -- in its order. Nor is there a circle where the other end waits for nothing. Rows of the same
    -- statement that came before are seen too.
    PERFORM
    FROM astra.task_dependencies AS d
    WHERE d.org_id = NEW.org_id
        AND d.task_id = NEW.depends_on
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN NEW;
    END IF;
    PERFORM
    FROM (
        WITH RECURSIVE waiting (id) AS (
            SELECT d.task_id
            FROM astra.task_dependencies AS d
            WHERE d.org_id = NEW.org_id
                AND d.depends_on = NEW.task_id
            UNION
            SELECT d.task_id
            FROM waiting AS w
            INNER JOIN astra.task_dependencies AS d
                ON d.org_id = NEW.org_id AND d.depends_on = w.id
        )
        SELECT w.id
        FROM waiting AS w
    ) AS later
    WHERE later.id = NEW.depends_on
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'depends_on %: it waits for task % itself', NEW.depends_on, NEW.task_id
            USING ERRCODE = 'MU411',
                  HINT = 'Take one of the dependencies of the circle away.';
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION astra.guard_dependency() IS
    'Trigger function of task_dependencies: locks the goal, and refuses a dependency that would '
    'close a circle with MU411, and with MU412 one of a goal that has ended, of a task that has '
    'begun or ended, also to take it away, or on a task that will never be completed. Raises '
    'MU410 unless the transaction is read committed.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.guard_dependency() FROM PUBLIC;

COMMIT;

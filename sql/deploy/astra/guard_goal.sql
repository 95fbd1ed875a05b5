-- Deploy astra:guard_goal to pg
-- requires: lock_goal
-- requires: admit_goal
--
-- Before the table, because a table comes with its triggers. Every way to change a goal leads
-- through here, so nobody has to call a function for the rules to hold. What was asked for stays
-- from the start, or from the first request to approve the plan, on; all of it, when it has ended.
-- Locks: none.  Docs: docs/schema/astra.md#guard-goal

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.guard_goal()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_count bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' THEN
            RAISE EXCEPTION 'status of goal %: it begins as pending, not as %', NEW.id, NEW.status
                USING ERRCODE = 'MU412',
                      HINT = 'Insert it as pending, then start it.';
        END IF;

        -- What is not there yet cannot be named, which is why no circle can be made.
        IF cardinality(NEW.depends_on_goal_ids) > 0 THEN
            SELECT count(*)
            INTO v_count
            FROM (
                SELECT
                FROM astra.goals AS g
                WHERE g.org_id = NEW.org_id
                    AND g.id = ANY (NEW.depends_on_goal_ids)
                FOR KEY SHARE
            ) AS found;
            IF v_count <> (
                SELECT count(DISTINCT dependency.id)
                FROM unnest(NEW.depends_on_goal_ids) AS dependency (id)
            ) THEN
                RAISE EXCEPTION 'depends_on_goal_ids of goal %: one of them is not there', NEW.id
                    USING ERRCODE = '23503',
                          HINT = 'Insert the goals that it depends on first.';
            END IF;

            PERFORM
            FROM astra.goals AS g
            WHERE g.org_id = NEW.org_id
                AND g.id = ANY (NEW.depends_on_goal_ids)
                AND g.status IN ('failed', 'cancelled');
            IF FOUND THEN
                RAISE EXCEPTION 'depends_on_goal_ids of goal %: one of them is failed or cancelled',
                    NEW.id
                    USING ERRCODE = 'MU412',
                          HINT = 'It would never start; insert another goal in the place of that.';
            END IF;
        END IF;
        RETURN NEW;
    END IF;

    IF NEW.agent_id <> OLD.agent_id OR NEW.depends_on_goal_ids <> OLD.depends_on_goal_ids THEN
        RAISE EXCEPTION 'goal %: agent_id and depends_on_goal_ids never change', OLD.id
            USING ERRCODE = 'MU412',
                  HINT = 'Cancel it and insert another goal.';
    END IF;
    IF OLD.status IN ('completed', 'failed', 'cancelled')
        AND NEW.status = OLD.status
        AND NEW IS DISTINCT FROM OLD
    THEN
        RAISE EXCEPTION 'goal %: it is % and stays as it is', OLD.id, OLD.status
            USING ERRCODE = 'MU412',
                  HINT = 'Insert another goal.';
    END IF;
    -- Whoever asks locks the goal, so a request that is under way is waited for.
    IF NEW.goal_text <> OLD.goal_text
        AND (
            OLD.status <> 'pending'
            OR EXISTS (
                SELECT
                FROM astra.approval_requests AS r
                WHERE r.org_id = OLD.org_id
                    AND r.goal_id = OLD.id
                    AND r.request_type = 'plan'
            )
        )
    THEN
        RAISE EXCEPTION 'goal %: goal_text does not change any more', OLD.id
            USING ERRCODE = 'MU412',
                  HINT = 'Change it before the goal starts and before people are asked for its '
                         'plan; later cancel it and insert another.';
    END IF;
    IF NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;

    PERFORM astra.lock_goal(NEW.org_id, NEW.id);
    CASE NEW.status
        WHEN 'active' THEN
            IF OLD.status = 'pending' THEN
                PERFORM astra.admit_goal(NEW.org_id, NEW.id);
                RETURN NEW;
            END IF;
        WHEN 'completed' THEN
            IF OLD.status = 'active' THEN
                PERFORM
                FROM astra.tasks AS t
                WHERE t.org_id = NEW.org_id
                    AND t.goal_id = NEW.id
                    AND t.status IN ('pending', 'running')
                LIMIT 1;
                IF FOUND THEN
                    RAISE EXCEPTION 'status of goal %: it has tasks that have not ended', NEW.id
                        USING ERRCODE = 'MU412',
                              HINT = 'Complete the tasks, or cancel the goal.';
                END IF;
                NEW.completed_at := clock_timestamp();
                RETURN NEW;
            END IF;
        ELSE
            IF OLD.status IN ('pending', 'active') AND NEW.status IN ('failed', 'cancelled') THEN
                RETURN NEW;
            END IF;
    END CASE;

    RAISE EXCEPTION 'status of goal %: % does not become %', NEW.id, OLD.status, NEW.status
        USING ERRCODE = 'MU412',
              HINT = 'A goal starts once and ends once.';
END;
$function$;

COMMENT ON FUNCTION astra.guard_goal() IS
    'Trigger function of goals: lets a goal begin as pending and go to active, when admit_goal '
    'admits it, then to completed, when no task is left, or to failed or cancelled. goal_text '
    'stays from the start or the first request to approve the plan on, all of it when the goal '
    'has ended. Raises MU412 for any other change and for a dependency that will never be '
    'completed, 23503 for one that is not there, and what lock_goal and admit_goal raise: MU410, '
    'MU413, MU414, MU415, MU416.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.guard_goal() FROM PUBLIC;

COMMIT;

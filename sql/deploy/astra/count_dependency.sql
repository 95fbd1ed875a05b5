-- Deploy astra:count_dependency to pg
-- requires: lock_goal
--
-- The counter tasks.blockers goes with the rows of task_dependencies.
-- Locks: none.  Docs: docs/schema/astra.md#count-dependency

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.count_dependency()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_goal_status text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE astra.tasks AS t
        SET blockers = t.blockers + 1
        FROM astra.tasks AS other
        WHERE t.org_id = NEW.org_id
            AND t.id = NEW.task_id
            AND other.org_id = NEW.org_id
            AND other.id = NEW.depends_on
            AND other.status <> 'completed';
        RETURN NULL;
    END IF;

    -- What was waited for may be gone too, so that nobody knows whether it was counted: the rest is
    -- counted anew.
    v_goal_status := astra.lock_goal(OLD.org_id, OLD.goal_id);
    UPDATE astra.tasks AS t
    SET blockers = CASE v_goal_status WHEN 'active' THEN 0 ELSE 1 END
        + (
            SELECT count(*)
            FROM astra.task_dependencies AS d
            INNER JOIN astra.tasks AS other
                ON other.org_id = d.org_id AND other.id = d.depends_on
            WHERE d.org_id = t.org_id
                AND d.task_id = t.id
                AND other.status <> 'completed'
        )
        + (
            SELECT count(*)
            FROM astra.approval_requests AS r
            WHERE r.org_id = t.org_id
                AND r.task_id = t.id
                AND r.status = 'pending'
        )
    WHERE t.org_id = OLD.org_id
        AND t.id = OLD.task_id
        AND t.status = 'pending';
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION astra.count_dependency() IS
    'Trigger function of task_dependencies: adds a blocker to the task that waits, unless what it '
    'waits for is completed, and counts anew what it waits for when one is deleted. Raises MU410 '
    'unless the transaction is read committed.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.count_dependency() FROM PUBLIC;

COMMIT;

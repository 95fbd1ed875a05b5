-- Deploy astra:settle_goal to pg
-- requires: schema
--
-- What becomes of the tasks with their goal. Those that run are left to their workers, whose
-- results are not thrown away.
-- Locks: none.  Docs: docs/schema/astra.md#settle-goal

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.settle_goal()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF NEW.status = 'active' THEN
        UPDATE astra.tasks AS t
        SET blockers = t.blockers - 1
        WHERE t.org_id = NEW.org_id
            AND t.goal_id = NEW.id
            AND t.status = 'pending';
    ELSIF NEW.status IN ('failed', 'cancelled') THEN
        UPDATE astra.tasks AS t
        SET status = 'cancelled'
        WHERE t.org_id = NEW.org_id
            AND t.goal_id = NEW.id
            AND t.status = 'pending';
    END IF;

    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION astra.settle_goal() IS
    'Trigger function of goals: takes the blocker "goal is not active" from the tasks of a goal '
    'that starts, and cancels the pending tasks of one that fails or is cancelled. Raises nothing '
    'of its own.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.settle_goal() FROM PUBLIC;

COMMIT;

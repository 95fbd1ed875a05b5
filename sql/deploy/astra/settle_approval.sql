-- Deploy astra:settle_approval to pg
-- requires: lock_goal
--
-- A request for a risky task is a blocker of the task, until it is approved; rejected, it fails the
-- task and with it the goal. A request for a plan is asked for when the goal starts.
-- Locks: none.  Docs: docs/schema/astra.md#settle-approval

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.settle_approval()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_goal_status text;
    v_task_status text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.status = OLD.status OR NEW.task_id IS NULL THEN
            RETURN NULL;
        END IF;
        PERFORM astra.lock_goal(NEW.org_id, NEW.goal_id);
        IF NEW.status = 'approved' THEN
            UPDATE astra.tasks AS t
            SET blockers = t.blockers - 1
            WHERE t.org_id = NEW.org_id
                AND t.id = NEW.task_id
                AND t.status = 'pending';
        ELSE
            UPDATE astra.tasks AS t
            SET
                status = 'failed',
                error = 'approval was rejected'
            WHERE t.org_id = NEW.org_id
                AND t.id = NEW.task_id
                AND t.status = 'pending';
        END IF;
        RETURN NULL;
    END IF;

    IF NEW.status <> 'pending' OR NEW.approvals <> '[]' THEN
        RAISE EXCEPTION 'approval request %: it begins as pending, without approvals', NEW.id
            USING ERRCODE = 'MU412',
                  HINT = 'Insert the request, then let people decide.';
    END IF;
    v_goal_status := astra.lock_goal(NEW.org_id, NEW.goal_id);
    IF NEW.task_id IS NULL THEN
        IF v_goal_status <> 'pending' THEN
            RAISE EXCEPTION 'plan of goal %: the goal is %', NEW.goal_id, v_goal_status
                USING ERRCODE = 'MU412',
                      HINT = 'Ask for a plan before the goal starts.';
        END IF;
        RETURN NULL;
    END IF;

    SELECT t.status
    INTO v_task_status
    FROM astra.tasks AS t
    WHERE t.org_id = NEW.org_id
        AND t.id = NEW.task_id
    FOR NO KEY UPDATE;
    IF v_task_status <> 'pending' THEN
        RAISE EXCEPTION 'task_id %: the task is %', NEW.task_id, v_task_status
            USING ERRCODE = 'MU412',
                  HINT = 'Ask before the task is claimed.';
    END IF;
    UPDATE astra.tasks AS t
    SET blockers = t.blockers + 1
    WHERE t.org_id = NEW.org_id
        AND t.id = NEW.task_id;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION astra.settle_approval() IS
    'Trigger function of approval_requests: blocks the task that a request is about, unblocks it '
    'when the request is approved and fails it when it is rejected. Raises MU412 for a request '
    'that is born decided, or comes when goal or task have begun, MU410 unless the transaction is '
    'read committed.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.settle_approval() FROM PUBLIC;

COMMIT;

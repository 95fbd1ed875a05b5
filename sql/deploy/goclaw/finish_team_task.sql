-- Deploy goclaw:finish_team_task to pg
-- requires: team_tasks
--
-- Ends a task. A trigger of team_tasks takes what is completed or cancelled from the tasks that
-- wait for it; after a failure they go on waiting, until it is cancelled, or taken from blocked_by
-- in favour of the task that was made in its place. Takes the team first, then the task, then those
-- that wait, by id: no two of these functions can deadlock.
-- Locks: none.  Docs: docs/schema/goclaw.md#finish-team-task

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.finish_team_task(
    p_task_id uuid,
    p_status text,
    p_result text DEFAULT NULL,
    p_locked_at timestamptz DEFAULT NULL
)
RETURNS uuid[]
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
    v_team_id   uuid;
    v_status    text;
    v_locked_at timestamptz;
    v_blockers  uuid[];
    v_waiting   uuid[];
BEGIN
    IF p_status IS NULL OR p_status NOT IN ('completed', 'failed', 'cancelled') THEN
        RAISE EXCEPTION 'p_status: % does not end a task', coalesce(quote_literal(p_status), 'NULL')
            USING ERRCODE = '22023',
                  HINT = 'A task ends as completed, failed or cancelled.';
    END IF;

    SELECT t.team_id
    INTO v_team_id
    FROM goclaw.team_tasks AS t
    WHERE t.tenant_id = v_tenant_id
        AND t.id = p_task_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'task % is not there', p_task_id
            USING ERRCODE = 'P0002',
                  HINT = 'Look at id and tenant.';
    END IF;
    PERFORM
    FROM goclaw.agent_teams AS t
    WHERE t.tenant_id = v_tenant_id
        AND t.id = v_team_id
    FOR NO KEY UPDATE;

    SELECT t.status, t.locked_at, t.blocked_by
    INTO v_status, v_locked_at, v_blockers
    FROM goclaw.team_tasks AS t
    WHERE t.tenant_id = v_tenant_id
        AND t.id = p_task_id
    FOR NO KEY UPDATE;
    IF v_status NOT IN ('pending', 'in_progress')
        AND NOT (v_status = 'failed' AND p_status = 'cancelled')
    THEN
        RAISE EXCEPTION 'task % has ended: %', p_task_id, v_status
            USING ERRCODE = 'MU320',
                  HINT = 'What has ended stays so; make another task.';
    END IF;
    IF p_status <> 'cancelled' AND v_locked_at IS DISTINCT FROM p_locked_at THEN
        RAISE EXCEPTION 'task % is not locked by this caller', p_task_id
            USING ERRCODE = 'MU321',
                  HINT = 'Give the time that lock_team_task() returned; if it lapsed, lock again.';
    END IF;
    IF p_status = 'completed' AND v_blockers <> '{}' THEN
        RAISE EXCEPTION 'task % waits for others', p_task_id
            USING ERRCODE = 'MU325',
                  HINT = 'End what blocked_by names, or take it from there.';
    END IF;

    v_waiting := ARRAY(
        SELECT t.id
        FROM goclaw.team_tasks AS t
        WHERE t.tenant_id = v_tenant_id
            AND t.team_id = v_team_id
            AND t.blocked_by <> '{}'
            AND p_task_id = ANY (t.blocked_by)
    );

    UPDATE goclaw.team_tasks AS t
    SET status = p_status,
        result = coalesce(p_result, t.result),
        progress_percent = CASE p_status WHEN 'completed' THEN 100 ELSE t.progress_percent END,
        locked_at = NULL,
        lock_expires_at = NULL
    WHERE t.tenant_id = v_tenant_id
        AND t.id = p_task_id;

    RETURN ARRAY(
        SELECT t.id
        FROM goclaw.team_tasks AS t
        WHERE t.tenant_id = v_tenant_id
            AND t.id = ANY (v_waiting)
            AND t.blocked_by = '{}'
            AND t.status = 'pending'
        ORDER BY t.priority DESC, t.task_number
    );
END;
$function$;

COMMENT ON FUNCTION goclaw.finish_team_task(uuid, text, text, timestamptz) IS
    'Ends a task and its lock, and returns the pending tasks that waited for it and now wait for '
    'nothing, the most urgent first. p_status: completed, failed or cancelled. p_result: what '
    'came of it; NULL leaves what is there. p_locked_at: what lock_team_task() returned, NULL for '
    'a task that nobody locked. To cancel needs no lock, and cancels failed tasks too. Raises '
    '42501 when no tenant is set, 22023 for another status, P0002 when the task is not there, '
    'MU320 when it has ended, MU321 when the lock is somebody else''s, MU325 when it is to be '
    'completed and waits for others, MU327 under REPEATABLE READ and SERIALIZABLE, unless it '
    'fails.';

REVOKE ALL ON FUNCTION goclaw.finish_team_task(uuid, text, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.finish_team_task(uuid, text, text, timestamptz) TO muniment_app;

COMMIT;

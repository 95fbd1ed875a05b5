-- Deploy goclaw:lock_team_task to pg
-- requires: team_tasks
--
-- A lock belongs to whoever knows when it was taken, not to an agent: two turns of one agent cannot
-- hold it both, and a turn that lost its lock cannot finish. One UPDATE that asks nothing but the
-- row of the task, so whoever waits for that row looks again at all that decides: lock, status and
-- blocked_by, which triggers hold free of what has ended.
-- Locks: none.  Docs: docs/schema/goclaw.md#lock-team-task

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.lock_team_task(
    p_task_id uuid,
    p_agent_id uuid,
    p_seconds integer DEFAULT 3600,
    p_locked_at timestamptz DEFAULT NULL
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
    v_locked_at timestamptz;
BEGIN
    IF p_agent_id IS NULL THEN
        RAISE EXCEPTION 'p_agent_id: a task is locked for an agent'
            USING ERRCODE = '22023',
                  HINT = 'Name the agent that is to work on it.';
    END IF;
    IF p_seconds IS NULL OR p_seconds < 1 THEN
        RAISE EXCEPTION 'p_seconds: a lock lasts at least one second'
            USING ERRCODE = '22023',
                  HINT = 'Give the time that the work takes, and lock again to go on.';
    END IF;

    UPDATE goclaw.team_tasks AS t
    SET status = 'in_progress',
        owner_agent_id = p_agent_id,
        locked_at = coalesce(p_locked_at, clock_timestamp()),
        lock_expires_at = clock_timestamp() + make_interval(secs => p_seconds)
    WHERE t.tenant_id = v_tenant_id
        AND t.id = p_task_id
        AND CASE
            WHEN p_locked_at IS NOT NULL THEN t.locked_at = p_locked_at
            WHEN t.status = 'in_progress'
                THEN coalesce(t.lock_expires_at <= clock_timestamp(), true)
            ELSE t.status = 'pending' AND t.blocked_by = '{}'
        END
    RETURNING t.locked_at INTO v_locked_at;

    IF v_locked_at IS NULL THEN
        PERFORM
        FROM goclaw.team_tasks AS t
        WHERE t.tenant_id = v_tenant_id
            AND t.id = p_task_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'task % is not there', p_task_id
                USING ERRCODE = 'P0002',
                      HINT = 'Look at id and tenant.';
        END IF;
    END IF;

    RETURN v_locked_at;
END;
$function$;

COMMENT ON FUNCTION goclaw.lock_team_task(uuid, uuid, integer, timestamptz) IS
    'Locks a task for an agent and puts it in progress, if it is pending and waits for nothing, '
    'or in progress under no lock or one that has lapsed. p_seconds: for how long, from now. '
    'Returns when, to be shown to unlock_team_task() and finish_team_task(); NULL when the task '
    'is not to be had now. p_locked_at: what was returned before, to hold on to a lock; NULL is '
    'returned when it is lost. Raises 42501 when no tenant is set, 22023 when p_agent_id is NULL '
    'or p_seconds is not positive, 23503 when the agent is not there, P0002 when the task is not '
    'there.';

REVOKE ALL ON FUNCTION goclaw.lock_team_task(uuid, uuid, integer, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.lock_team_task(uuid, uuid, integer, timestamptz) TO muniment_app;

COMMIT;

-- Deploy goclaw:unlock_team_task to pg
-- requires: team_tasks
--
-- Gives a task back unfinished, so that nobody has to wait for the lock to lapse.
-- Locks: none.  Docs: docs/schema/goclaw.md#unlock-team-task

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.unlock_team_task(p_task_id uuid, p_locked_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    UPDATE goclaw.team_tasks AS t
    SET status = 'pending',
        owner_agent_id = NULL,
        locked_at = NULL,
        lock_expires_at = NULL
    WHERE t.tenant_id = v_tenant_id
        AND t.id = p_task_id
        AND t.locked_at = p_locked_at;

    RETURN FOUND;
END;
$function$;

COMMENT ON FUNCTION goclaw.unlock_team_task(uuid, timestamptz) IS
    'Gives a task back: it is pending again, without an agent. p_locked_at: what lock_team_task() '
    'returned. Returns false when the lock is not held any more. Raises 42501 when no tenant is '
    'set.';

REVOKE ALL ON FUNCTION goclaw.unlock_team_task(uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.unlock_team_task(uuid, timestamptz) TO muniment_app;

COMMIT;

-- Deploy goclaw:block_team_task to pg
-- requires: team_tasks
--
-- Has a task wait for another one. The triggers of team_tasks refuse cycles and foreign blockers,
-- for whoever writes blocked_by; this takes the team before the task, as they want it.
-- Locks: none.  Docs: docs/schema/goclaw.md#block-team-task

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.block_team_task(p_task_id uuid, p_blocker_id uuid)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
    v_team_id uuid;
    v_status  text;
    v_waits   boolean;
BEGIN
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

    SELECT t.status
    INTO v_status
    FROM goclaw.team_tasks AS t
    WHERE t.tenant_id = v_tenant_id
        AND t.id = p_task_id
    FOR NO KEY UPDATE;
    IF v_status = 'in_progress' THEN
        RAISE EXCEPTION 'task % is in progress', p_task_id
            USING ERRCODE = 'MU324',
                  HINT = 'Give it back with unlock_team_task() before it is to wait.';
    END IF;
    IF v_status <> 'pending' THEN
        RAISE EXCEPTION 'task % has ended: %', p_task_id, v_status
            USING ERRCODE = 'MU320',
                  HINT = 'What has ended stays so; make another task.';
    END IF;

    UPDATE goclaw.team_tasks AS t
    SET blocked_by = array_append(t.blocked_by, p_blocker_id)
    WHERE t.tenant_id = v_tenant_id
        AND t.id = p_task_id
    RETURNING p_blocker_id = ANY (t.blocked_by) INTO v_waits;

    RETURN v_waits;
END;
$function$;

COMMENT ON FUNCTION goclaw.block_team_task(uuid, uuid) IS
    'Has a task wait until another one of its team is completed or cancelled. Returns whether it '
    'waits: false when the other has ended already. Raises 42501 when no tenant is set, P0002 '
    'when the task is not there, MU320 when it has ended, MU324 when it is in progress, MU322 '
    'when the two would wait for each other, MU323 when the blocker is no task of the team.';

REVOKE ALL ON FUNCTION goclaw.block_team_task(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.block_team_task(uuid, uuid) TO muniment_app;

COMMIT;

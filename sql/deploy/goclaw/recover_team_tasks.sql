-- Deploy goclaw:recover_team_tasks to pg
-- requires: team_tasks
--
-- Tasks whose lock has lapsed, of all tenants: whoever had them is gone or too slow, and can no
-- longer finish them. Several can run at the same time; none waits for a task that somebody is
-- working on.
-- Locks: none.  Docs: docs/schema/goclaw.md#recover-team-tasks

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.recover_team_tasks(p_limit integer DEFAULT 100)
RETURNS TABLE (tenant_id uuid, task_id uuid, agent_id uuid)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION 'p_limit is not a number of tasks'
            USING ERRCODE = '22023',
                  HINT = 'Ask for one task or more.';
    END IF;

    RETURN QUERY
    WITH lapsed AS MATERIALIZED (
        SELECT t.tenant_id, t.id, t.owner_agent_id
        FROM goclaw.team_tasks AS t
        WHERE t.status = 'in_progress'
            AND t.lock_expires_at <= now()
        ORDER BY t.lock_expires_at
        LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE goclaw.team_tasks AS t
    SET status = 'pending',
        owner_agent_id = NULL,
        locked_at = NULL,
        lock_expires_at = NULL
    FROM lapsed
    WHERE t.tenant_id = lapsed.tenant_id
        AND t.id = lapsed.id
    RETURNING lapsed.tenant_id, lapsed.id, lapsed.owner_agent_id;
END;
$function$;

COMMENT ON FUNCTION goclaw.recover_team_tasks(integer) IS
    'Makes tasks pending again whose lock has lapsed, of all tenants, the longest lapsed first, '
    'and returns them with the agents that had them. p_limit: how many at most. Passes over tasks '
    'that are locked by another transaction. Raises 22023 when p_limit is not positive.';

REVOKE ALL ON FUNCTION goclaw.recover_team_tasks(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.recover_team_tasks(integer) TO muniment_service;

COMMIT;

-- Deploy astra:ready_tasks to pg
-- requires: tasks
--
-- To look only. Two statements, because the tasks of one goal are found by another index than the
-- most urgent of all.
-- Locks: none.  Docs: docs/schema/astra.md#ready-tasks

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.ready_tasks(p_goal_id uuid DEFAULT NULL, p_limit integer DEFAULT 100)
RETURNS TABLE (task_id uuid, goal_id uuid, agent_id uuid, type text, priority integer)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    IF (p_limit BETWEEN 1 AND 1000) IS NOT TRUE THEN
        RAISE EXCEPTION 'p_limit %: not between 1 and 1000', p_limit
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Look at fewer tasks at a time.';
    END IF;

    IF p_goal_id IS NULL THEN
        RETURN QUERY
        SELECT t.id, t.goal_id, t.agent_id, t.type, t.priority
        FROM astra.tasks AS t
        WHERE t.org_id = v_org_id
            AND t.status = 'pending'
            AND t.blockers = 0
        ORDER BY t.priority DESC, t.id
        LIMIT p_limit;
        RETURN;
    END IF;

    RETURN QUERY
    SELECT t.id, t.goal_id, t.agent_id, t.type, t.priority
    FROM astra.tasks AS t
    WHERE t.org_id = v_org_id
        AND t.goal_id = p_goal_id
        AND t.status = 'pending'
        AND t.blockers = 0
    ORDER BY t.priority DESC, t.id
    LIMIT p_limit;
END;
$function$;

COMMENT ON FUNCTION astra.ready_tasks(uuid, integer) IS
    'The tasks that could be claimed now: pending, with a goal that is active, and waiting for '
    'nothing; of one goal or of all, in the order in which claim_tasks takes them, at most '
    'p_limit (1 to 1000). Raises 22023 for a bad p_limit, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION astra.ready_tasks(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.ready_tasks(uuid, integer) TO muniment_app, muniment_reader;

COMMIT;

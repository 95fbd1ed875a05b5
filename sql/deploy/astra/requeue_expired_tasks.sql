-- Deploy astra:requeue_expired_tasks to pg
-- requires: tasks
-- requires: lock_goal
--
-- For the tasks of workers that died. Any worker may call it, and as many at once as like: it skips
-- goals that are locked.
-- Locks: goals that nobody has locked, each with its tasks, when it is called.
-- Docs: docs/schema/astra.md#requeue-expired-tasks

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.requeue_expired_tasks(p_limit integer DEFAULT 100)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id  CONSTANT uuid := platform.current_tenant_id();
    v_goal_id uuid;
    v_some    integer;
    v_count   integer := 0;
BEGIN
    IF (p_limit BETWEEN 1 AND 1000) IS NOT TRUE THEN
        RAISE EXCEPTION 'p_limit %: not between 1 and 1000', p_limit
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Look at fewer tasks at a time.';
    END IF;

    FOR v_goal_id IN
        SELECT DISTINCT expired.goal_id
        FROM (
            SELECT t.goal_id
            FROM astra.tasks AS t
            WHERE t.org_id = v_org_id
                AND t.status = 'running'
                AND t.lease_expires_at < clock_timestamp()
            ORDER BY t.lease_expires_at
            LIMIT p_limit
        ) AS expired
    LOOP
        -- A goal that is locked is at work; its turn comes next time.
        PERFORM
        FROM astra.goals AS g
        WHERE g.org_id = v_org_id
            AND g.id = v_goal_id
        FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;

        UPDATE astra.tasks AS t
        SET
            status = CASE WHEN t.attempts < t.max_attempts THEN 'pending' ELSE 'failed' END,
            error = 'lease expired'
        WHERE t.org_id = v_org_id
            AND t.goal_id = v_goal_id
            AND t.status = 'running'
            AND t.lease_expires_at < clock_timestamp();
        GET DIAGNOSTICS v_some = ROW_COUNT;
        v_count := v_count + v_some;
    END LOOP;

    RETURN v_count;
END;
$function$;

COMMENT ON FUNCTION astra.requeue_expired_tasks(integer) IS
    'Takes back tasks whose lease has ended, and all such of their goals, looking at p_limit of '
    'them (1 to 1000): they are pending again, failed with their goal when no attempt is left, or '
    'cancelled when their goal has ended. Returns how many. Raises 22023 for a bad p_limit, MU410 '
    'unless the transaction is read committed and when there is one to take back, 42501 when no '
    'tenant is set.';

REVOKE ALL ON FUNCTION astra.requeue_expired_tasks(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.requeue_expired_tasks(integer) TO muniment_app;

COMMIT;

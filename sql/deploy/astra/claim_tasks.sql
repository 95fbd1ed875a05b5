-- Deploy astra:claim_tasks to pg
-- requires: tasks
--
-- Many workers at once each get their own: what another one has locked is skipped, so a claim waits
-- for nothing and cannot be part of a deadlock. Commit before the work begins; the lease, not the
-- lock, keeps the task.
-- Locks: the tasks that it returns; skips what is locked.  Docs: docs/schema/astra.md#claim-tasks

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.claim_tasks(
    p_worker_id uuid, p_limit integer DEFAULT 1, p_lease interval DEFAULT interval '5 minutes'
)
RETURNS TABLE (
    task_id uuid, goal_id uuid, type text, payload jsonb, attempts integer,
    lease_expires_at timestamptz
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id CONSTANT uuid := platform.current_tenant_id();
    v_status text;
BEGIN
    -- A lease without an end would never be taken back.
    IF (p_limit BETWEEN 1 AND 1000) IS NOT TRUE
        OR (p_lease > interval '0' AND p_lease <= interval '30 days') IS NOT TRUE
    THEN
        RAISE EXCEPTION 'p_limit % or p_lease %: out of range', p_limit, p_lease
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Claim 1 to 1000 tasks, for a time to come of at most 30 days.';
    END IF;

    SELECT w.status
    INTO v_status
    FROM astra.workers AS w
    WHERE w.org_id = v_org_id
        AND w.id = p_worker_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_worker_id %: no such worker', p_worker_id
            USING ERRCODE = 'no_data_found',
                  HINT = 'Insert the worker into astra.workers when it starts.';
    END IF;
    IF v_status <> 'active' THEN
        RETURN;
    END IF;

    RETURN QUERY
    -- Materialized, so that the limit is a limit however the join is done.
    WITH chosen AS MATERIALIZED (
        SELECT t.id
        FROM astra.tasks AS t
        WHERE t.org_id = v_org_id
            AND t.status = 'pending'
            AND t.blockers = 0
        ORDER BY t.priority DESC, t.id
        LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE astra.tasks AS t
    SET
        status = 'running',
        worker_id = p_worker_id,
        lease_expires_at = clock_timestamp() + p_lease,
        error = NULL
    FROM chosen
    WHERE t.org_id = v_org_id
        AND t.id = chosen.id
    RETURNING t.id, t.goal_id, t.type, t.payload, t.attempts, t.lease_expires_at;
END;
$function$;

COMMENT ON FUNCTION astra.claim_tasks(uuid, integer, interval) IS
    'Gives a worker up to p_limit ready tasks (1 to 1000), the highest priority first, each for '
    'p_lease (at most 30 days). Returns them, or no row when nothing is ready or the worker is '
    'draining or stopped. Raises P0002 when there is no such worker, 22023 for a limit or lease '
    'out of range, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION astra.claim_tasks(uuid, integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.claim_tasks(uuid, integer, interval) TO muniment_app;

COMMIT;

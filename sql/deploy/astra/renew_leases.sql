-- Deploy astra:renew_leases to pg
-- requires: tasks
--
-- The heartbeat. A task that is locked is being completed or taken back, and is skipped, so a
-- heartbeat waits for no goal.
-- Locks: the worker, then its tasks; skips those that are locked.
-- Docs: docs/schema/astra.md#renew-leases

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.renew_leases(p_worker_id uuid, p_lease interval DEFAULT interval '5 minutes')
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id CONSTANT uuid := platform.current_tenant_id();
    v_count  integer;
BEGIN
    -- A lease without an end would never be taken back.
    IF (p_lease > interval '0' AND p_lease <= interval '30 days') IS NOT TRUE THEN
        RAISE EXCEPTION 'p_lease %: out of range', p_lease
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Renew for a time to come of at most 30 days.';
    END IF;

    UPDATE astra.workers AS w
    SET last_heartbeat = clock_timestamp()
    WHERE w.org_id = v_org_id
        AND w.id = p_worker_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_worker_id %: no such worker', p_worker_id
            USING ERRCODE = 'no_data_found',
                  HINT = 'Insert the worker into astra.workers when it starts.';
    END IF;

    WITH held AS MATERIALIZED (
        SELECT t.id
        FROM astra.tasks AS t
        WHERE t.org_id = v_org_id
            AND t.worker_id = p_worker_id
            AND t.status = 'running'
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE astra.tasks AS t
    SET lease_expires_at = clock_timestamp() + p_lease
    FROM held
    WHERE t.org_id = v_org_id
        AND t.id = held.id;
    GET DIAGNOSTICS v_count = ROW_COUNT;

    RETURN v_count;
END;
$function$;

COMMENT ON FUNCTION astra.renew_leases(uuid, interval) IS
    'Says that a worker lives, and renews all its leases for p_lease (at most 30 days) from now. '
    'Returns how many; fewer than the worker thinks it has means that some were taken from it or '
    'are just being ended, more that it did not hear of a claim, whose task is then its own to '
    'look up and end. Raises P0002 when there is no such worker, 22023 for a lease out of range, '
    '42501 when no tenant is set.';

REVOKE ALL ON FUNCTION astra.renew_leases(uuid, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.renew_leases(uuid, interval) TO muniment_app;

COMMIT;

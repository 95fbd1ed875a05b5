-- Deploy agents:reap_stale_runs to pg
-- requires: end_tool_calls
-- requires: seal_run
--
-- A worker that died cannot say so: somebody outside of all workers looks for leases that lapsed,
-- in all firms, and ends their runs as abandoned. Found in all firms, locked and ended in one: a
-- cluster locks rows of one firm at a time, and a run that cannot be ended must not keep those of
-- other firms. SKIP LOCKED: a run that its worker is just writing is not dead, and two reapers
-- share the work. A run that waits for a person has no worker to miss.
-- Locks: none.  Docs: docs/schema/agents.md#reap-stale-runs

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.reap_stale_runs(
    p_limit integer DEFAULT 100,
    p_grace interval DEFAULT '0'
)
RETURNS TABLE (firm_id uuid, run_id uuid)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_now        CONSTANT timestamptz := clock_timestamp();
    v_started_at timestamptz;
    v_ended_at   timestamptz;
    v_count      integer := 0;
BEGIN
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'p_limit: % is not between 1 and 10000', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A transaction ends so many runs at most; call it again.';
    END IF;
    IF p_grace IS NULL OR p_grace < '0' THEN
        RAISE EXCEPTION 'p_grace: % is less than nothing', coalesce(p_grace::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It is the time that a lease may be overdue.';
    END IF;

    FOR firm_id, run_id, v_started_at IN
        SELECT r.firm_id, r.run_id, r.started_at
        FROM agents.agent_run AS r
        WHERE r.status = 'running'
            AND r.lease_expires_at < v_now - p_grace
        ORDER BY r.started_at
    LOOP
        -- The worker may have come back meanwhile, or another reaper been faster.
        PERFORM
        FROM agents.agent_run AS r
        WHERE r.firm_id = reap_stale_runs.firm_id
            AND r.run_id = reap_stale_runs.run_id
            AND r.started_at = v_started_at
            AND r.status = 'running'
            AND r.lease_expires_at < v_now - p_grace
        FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;

        BEGIN
            v_ended_at := greatest(clock_timestamp(), v_started_at);
            PERFORM agents.end_tool_calls(firm_id, run_id, v_started_at, v_ended_at);
            UPDATE agents.agent_run AS r
            SET
                status = 'abandoned',
                ended_at = v_ended_at,
                error_type = 'lease_expired',
                error_message = 'The worker did not renew its lease.',
                is_error_retryable = true
            WHERE r.firm_id = reap_stale_runs.firm_id
                AND r.run_id = reap_stale_runs.run_id
                AND r.started_at = v_started_at;
            PERFORM agents.seal_run(firm_id, run_id, v_started_at);
        EXCEPTION
            -- What the firm has written past the functions: sealed before it ended, for example.
            WHEN data_exception OR integrity_constraint_violation THEN
                RAISE WARNING 'run % of firm % is not ended: %', run_id, firm_id, SQLERRM
                    USING ERRCODE = SQLSTATE,
                          HINT = 'Look at its calls and seals; other runs are not kept by it.';
                CONTINUE;
        END;

        RETURN NEXT;
        v_count := v_count + 1;
        EXIT WHEN v_count = p_limit;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION agents.reap_stale_runs(integer, interval) IS
    'Ends up to p_limit runs (1 to 10,000) of all firms, whose leases are overdue by more than '
    'p_grace, as abandoned, seals them and returns them. A run that its rows or seals keep from '
    'ending is left, with a warning. Raises 22023 on a bad argument, MU111 above READ COMMITTED.';

REVOKE ALL ON FUNCTION agents.reap_stale_runs(integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.reap_stale_runs(integer, interval) TO muniment_service;

COMMIT;

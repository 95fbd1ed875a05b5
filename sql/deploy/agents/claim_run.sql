-- Deploy agents:claim_run to pg
-- requires: guard_agent_run
-- requires: guard_tool_call
-- requires: platform:enter_tenant
--
-- Gives a run to a worker: one that is queued, or one whose worker let the lease lapse. Whatever
-- the worker before it had begun and not finished may have had an effect, unless the tool has none.
-- Locks: none.  Docs: docs/schema/agents.md#claim-run

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.claim_run(
    p_firm_id uuid,
    p_run_id uuid,
    p_worker_id text,
    p_lease interval DEFAULT '60 seconds'
)
RETURNS TABLE (run_id uuid, started_at timestamptz, status text, attempt_no integer)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_now        timestamptz;
    v_started_at timestamptz;
    v_run        agents.agent_run;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    IF p_lease IS NULL OR p_lease NOT BETWEEN '1 second' AND '1 day' THEN
        RAISE EXCEPTION 'p_lease: % is not between a second and a day',
            coalesce(p_lease::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A lease outlasts two or three heartbeats.';
    END IF;
    IF p_worker_id IS NULL THEN
        RAISE EXCEPTION 'p_worker_id: is null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Name the worker that takes the run.';
    END IF;

    -- Whoever waited for the lock has to see what was written under it.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the transaction may not see what others wrote below the run'
            USING ERRCODE = 'MU111',
                  HINT = 'Begin it with ISOLATION LEVEL READ COMMITTED.';
    END IF;

    SELECT k.started_at
    INTO v_started_at
    FROM agents.agent_run_key AS k
    WHERE k.firm_id = p_firm_id
        AND k.run_id = p_run_id;

    SELECT r.*
    INTO v_run
    FROM agents.agent_run AS r
    WHERE r.firm_id = p_firm_id
        AND r.run_id = p_run_id
        AND r.started_at = v_started_at
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_run_id: run % is not there', p_run_id
            USING ERRCODE = 'P0002',
                  HINT = 'Look at firm and id, and whether its month is archived.';
    END IF;

    IF v_run.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'p_run_id: run % has ended as %', p_run_id, v_run.status
            USING ERRCODE = 'MU101',
                  HINT = 'What has ended is evidence and stays as it is. Begin another run.';
    END IF;

    -- After the lock: whoever waited for it would get a lease of which a part is gone.
    v_now := clock_timestamp();

    -- A worker may take its own run again, as it does after a restart: that ends its former self.
    IF v_run.worker_id <> p_worker_id AND v_run.lease_expires_at > v_now THEN
        RAISE EXCEPTION 'p_run_id: run % is held by another worker', p_run_id
            USING ERRCODE = 'MU102',
                  HINT = format('Its lease ends at %s.', v_run.lease_expires_at);
    END IF;

    UPDATE agents.tool_call AS c
    SET
        status = CASE WHEN tool.side_effect IN ('none', 'read') THEN 'failed' ELSE 'unknown' END,
        ended_at = greatest(v_now, c.started_at),
        error_type = 'lease_lost',
        error_message = 'The worker that called it lost the run.',
        is_error_retryable = tool.side_effect IN ('none', 'read')
    FROM agents.tool_registry AS tool
    WHERE c.firm_id = p_firm_id
        AND c.run_id = p_run_id
        AND c.requested_at >= v_started_at
        AND c.status = 'running'
        AND tool.tool_name = c.tool_name
        AND tool.tool_version = c.tool_version;

    UPDATE agents.agent_run AS r
    SET
        -- A person may still have to decide.
        status = CASE
            WHEN v_run.status = 'waiting_approval' AND EXISTS (
                SELECT
                FROM agents.tool_call AS c
                WHERE c.firm_id = p_firm_id
                    AND c.run_id = p_run_id
                    AND c.requested_at >= v_started_at
                    AND c.status = 'waiting_approval'
            ) THEN 'waiting_approval'
            ELSE 'running'
        END,
        attempt_no = CASE WHEN v_run.worker_id IS NULL THEN 1 ELSE v_run.attempt_no + 1 END,
        worker_id = p_worker_id,
        heartbeat_at = v_now,
        lease_expires_at = v_now + p_lease
    WHERE r.firm_id = p_firm_id
        AND r.run_id = p_run_id
        AND r.started_at = v_started_at
    RETURNING r.run_id, r.started_at, r.status, r.attempt_no
    INTO run_id, started_at, status, attempt_no;
    RETURN NEXT;
END;
$function$;

COMMENT ON FUNCTION agents.claim_run(uuid, uuid, text, interval) IS
    'Gives an open run to a worker: one that is queued, whose lease has lapsed, or its own. Calls '
    'that the worker before it left running become unknown, or failed when their tool changes '
    'nothing. Raises MU111 above READ COMMITTED, P0002 when the run is not there, MU101 when it '
    'has ended, MU102 when another worker holds it, 22023 when the lease is not between a second '
    'and a day, 22004 without a worker; 42501 and 22004 as platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.claim_run(uuid, uuid, text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.claim_run(uuid, uuid, text, interval) TO muniment_app;

COMMIT;

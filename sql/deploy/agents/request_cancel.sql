-- Deploy agents:request_cancel to pg
-- requires: guard_agent_run
-- requires: seal_run
-- requires: platform:enter_tenant
--
-- Who asks needs no lease. A worker hears of it with its next heartbeat; a run that no worker has
-- is cancelled here and now.
-- Locks: none.  Docs: docs/schema/agents.md#request-cancel

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.request_cancel(p_firm_id uuid, p_run_id uuid)
RETURNS text
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_now        CONSTANT timestamptz := clock_timestamp();
    v_started_at timestamptz;
    v_status     text;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    SELECT k.started_at
    INTO v_started_at
    FROM agents.agent_run_key AS k
    WHERE k.firm_id = p_firm_id
        AND k.run_id = p_run_id;

    SELECT r.status
    INTO v_status
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

    IF v_status IN ('running', 'waiting_approval') THEN
        UPDATE agents.agent_run AS r
        SET cancel_requested_at = coalesce(r.cancel_requested_at, v_now)
        WHERE r.firm_id = p_firm_id
            AND r.run_id = p_run_id
            AND r.started_at = v_started_at;
    ELSIF v_status = 'queued' THEN
        v_status := 'cancelled';
        UPDATE agents.agent_run AS r
        SET
            status = v_status,
            cancel_requested_at = v_now,
            ended_at = greatest(v_now, v_started_at)
        WHERE r.firm_id = p_firm_id
            AND r.run_id = p_run_id
            AND r.started_at = v_started_at;
        PERFORM agents.seal_run(p_firm_id, p_run_id, v_started_at);
    END IF;

    RETURN v_status;
END;
$function$;

COMMENT ON FUNCTION agents.request_cancel(uuid, uuid) IS
    'Asks the worker of a run to stop, cancels and seals a run that is queued, leaves alone one '
    'that has ended, and returns the status. Raises P0002 when the run is not there, MU111 above '
    'READ COMMITTED when it is queued; 42501 and 22004 as platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.request_cancel(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.request_cancel(uuid, uuid) TO muniment_app;

COMMIT;

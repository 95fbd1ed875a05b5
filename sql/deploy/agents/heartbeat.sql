-- Deploy agents:heartbeat to pg
-- requires: hold_run
--
-- Renews the lease of whoever holds the run, also when it has lapsed and nobody took the run yet.
-- None of the columns is in an index, so a beat stays on its page.
-- Locks: none.  Docs: docs/schema/agents.md#heartbeat

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.heartbeat(
    p_firm_id uuid,
    p_run_id uuid,
    p_worker_id text,
    p_attempt_no integer,
    p_lease interval DEFAULT '60 seconds'
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_now timestamptz;
    v_run agents.agent_run;
BEGIN
    IF p_lease IS NULL OR p_lease NOT BETWEEN '1 second' AND '1 day' THEN
        RAISE EXCEPTION 'p_lease: % is not between a second and a day',
            coalesce(p_lease::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A lease outlasts two or three heartbeats.';
    END IF;
    IF p_worker_id IS NULL THEN
        RAISE EXCEPTION 'p_worker_id: is null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'A queued run has no worker: agents.claim_run() gives it one.';
    END IF;

    v_run := agents.hold_run(p_firm_id, p_run_id, p_worker_id, p_attempt_no);

    -- After the lock: whoever waited for it would get a lease of which a part is gone.
    v_now := clock_timestamp();

    UPDATE agents.agent_run AS r
    SET
        heartbeat_at = v_now,
        lease_expires_at = v_now + p_lease
    WHERE r.firm_id = p_firm_id
        AND r.run_id = p_run_id
        AND r.started_at = v_run.started_at;

    RETURN v_run.cancel_requested_at;
END;
$function$;

COMMENT ON FUNCTION agents.heartbeat(uuid, uuid, text, integer, interval) IS
    'Renews the lease of a run and returns when someone asked to cancel it; NULL: go on. Raises '
    'P0002, MU101, MU102 and MU111 as agents.hold_run() does, 22023 when the lease is not between '
    'a second and a day, 22004 without a worker; 42501 as platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.heartbeat(uuid, uuid, text, integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.heartbeat(uuid, uuid, text, integer, interval) TO muniment_app;

COMMIT;

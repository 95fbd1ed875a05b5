-- Deploy agents:hold_run to pg
-- requires: guard_agent_run
-- requires: platform:enter_tenant
--
-- What every function does first that writes below an open run. The lock makes the writers of one
-- run take turns, so numbers within a run need nothing else; the fence keeps out a worker whose run
-- was given to another. FOR NO KEY UPDATE lets references to the run pass.
-- Locks: none.  Docs: docs/schema/agents.md#hold-run

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.hold_run(
    p_firm_id uuid,
    p_run_id uuid,
    p_worker_id text,
    p_attempt_no integer
)
RETURNS agents.agent_run
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_started_at timestamptz;
    v_run        agents.agent_run;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    -- Whoever waited for the lock has to see what was written under it.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the transaction may not see what others wrote below the run'
            USING ERRCODE = 'MU111',
                  HINT = 'Begin it with ISOLATION LEVEL READ COMMITTED.';
    END IF;

    -- First the start, then the run: so one partition is looked at.
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

    IF v_run.worker_id IS DISTINCT FROM p_worker_id
        OR v_run.attempt_no IS DISTINCT FROM p_attempt_no
    THEN
        RAISE EXCEPTION 'p_attempt_no: run % is at attempt % of another worker',
            p_run_id, v_run.attempt_no
            USING ERRCODE = 'MU102',
                  HINT = 'The lease is lost: drop the work. agents.claim_run() takes a run over.';
    END IF;

    RETURN v_run;
END;
$function$;

COMMENT ON FUNCTION agents.hold_run(uuid, uuid, text, integer) IS
    'Locks an open run until the transaction ends and returns it, if this worker and attempt hold '
    'it; a run that is queued is held by NULL and its attempt. Raises P0002 when it is not there, '
    'MU111 above READ COMMITTED, MU101 when it has ended, MU102 when another worker or attempt '
    'holds it; 42501 and 22004 as platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.hold_run(uuid, uuid, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.hold_run(uuid, uuid, text, integer) TO muniment_app;

COMMIT;

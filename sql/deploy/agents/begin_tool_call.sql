-- Deploy agents:begin_tool_call to pg
-- requires: hold_run
-- requires: guard_tool_call
--
-- What a worker asks right before the effect. One caller alone is told to run a call, once: who
-- asks again, because the answer got lost or another thread was faster, is told that an effect may
-- be under way. To try again takes another attempt, which agents.request_tool_call() gives or not.
-- Locks: none.  Docs: docs/schema/agents.md#begin-tool-call

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.begin_tool_call(
    p_firm_id uuid,
    p_run_id uuid,
    p_worker_id text,
    p_attempt_no integer,
    p_tool_call_id uuid,
    p_requested_at timestamptz,
    p_args_sha256 bytea DEFAULT NULL
)
RETURNS TABLE (
    action text,
    status text,
    result_storage text,
    result_inline text,
    result_s3_key text,
    result_sha256 bytea,
    result_bytes bigint
)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_now        timestamptz;
    v_is_expired boolean;
    v_run        agents.agent_run;
    v_call       agents.tool_call;
BEGIN
    v_run := agents.hold_run(p_firm_id, p_run_id, p_worker_id, p_attempt_no);

    SELECT c.*
    INTO v_call
    FROM agents.tool_call AS c
    WHERE c.firm_id = p_firm_id
        AND c.tool_call_id = p_tool_call_id
        AND c.requested_at = p_requested_at
        AND c.run_id = p_run_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_tool_call_id: run % has no tool call %', p_run_id, p_tool_call_id
            USING ERRCODE = 'P0002',
                  HINT = 'Pass id and requested_at as agents.request_tool_call() gave them.';
    END IF;

    IF p_args_sha256 <> coalesce(v_call.args_sha256, '') THEN
        RAISE EXCEPTION 'p_args_sha256: tool call % has other arguments', p_tool_call_id
            USING ERRCODE = 'MU109',
                  HINT = 'What was requested and approved is what runs. Make another call.';
    END IF;

    v_now := greatest(clock_timestamp(), v_call.requested_at);
    v_is_expired := v_call.status = 'waiting_approval'
        AND coalesce(v_call.approval_expires_at <= v_now, false);
    IF v_call.status = 'waiting_approval' AND NOT v_is_expired THEN
        RAISE EXCEPTION 'p_tool_call_id: tool call % waits for approval', p_tool_call_id
            USING ERRCODE = 'MU107',
                  HINT = 'Begin it when a person has decided: agents.decide_approval().';
    END IF;

    IF v_call.status = 'requested' THEN
        UPDATE agents.tool_call AS c
        SET
            status = 'running',
            started_at = v_now
        WHERE c.firm_id = p_firm_id
            AND c.tool_call_id = p_tool_call_id
            AND c.requested_at = p_requested_at;
        action := 'run';
        status := 'running';
    ELSIF v_is_expired THEN
        UPDATE agents.tool_call AS c
        SET
            status = 'cancelled',
            ended_at = v_now,
            approval_status = 'expired'
        WHERE c.firm_id = p_firm_id
            AND c.tool_call_id = p_tool_call_id
            AND c.requested_at = p_requested_at;
        action := 'denied';
        status := 'cancelled';
    ELSE
        action := CASE
            WHEN v_call.approval_status IN ('denied', 'expired') THEN 'denied'
            WHEN v_call.status IN ('running', 'unknown') THEN 'unknown'
            ELSE 'recorded'
        END;
        status := v_call.status;
        result_storage := v_call.result_storage;
        result_inline := v_call.result_inline;
        result_s3_key := v_call.result_s3_key;
        result_sha256 := v_call.result_sha256;
        result_bytes := v_call.result_bytes;
    END IF;

    -- The run waits as long as any of its calls does.
    IF v_run.status = 'waiting_approval' THEN
        UPDATE agents.agent_run AS r
        SET
            status = 'running',
            -- Who waits for a person need not beat, so the lease begins anew, as long as before.
            heartbeat_at = v_now,
            lease_expires_at = greatest(
                r.lease_expires_at, v_now + (r.lease_expires_at - r.heartbeat_at)
            )
        WHERE r.firm_id = p_firm_id
            AND r.run_id = p_run_id
            AND r.started_at = v_run.started_at
            AND NOT EXISTS (
                SELECT
                FROM agents.tool_call AS c
                WHERE c.firm_id = p_firm_id
                    AND c.run_id = p_run_id
                    AND c.requested_at >= v_run.started_at
                    AND c.status = 'waiting_approval'
            );
    END IF;

    RETURN NEXT;
END;
$function$;

COMMENT ON FUNCTION agents.begin_tool_call(
    uuid, uuid, text, integer, uuid, timestamptz, bytea
) IS
    'Says what to do about a call, and notes it. run: the call was requested and runs from now on, '
    'and nobody else is told so. recorded: it has ended, with this status and result. unknown: it '
    'runs already, or was left running, so its effect may have happened. denied: a person denied '
    'it, or its approval expired. When no call of the run waits any more, the run goes on, and its '
    'lease begins anew, as long as before. Raises P0002 when the run has no such call; MU107 while '
    'it waits for approval; MU109 when p_args_sha256 is given and is not the hash of its '
    'arguments; P0002, MU101, MU102 and MU111 as agents.hold_run() does; 42501 and 22004 as '
    'platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.begin_tool_call(
    uuid, uuid, text, integer, uuid, timestamptz, bytea
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.begin_tool_call(
    uuid, uuid, text, integer, uuid, timestamptz, bytea
) TO muniment_app;

COMMIT;

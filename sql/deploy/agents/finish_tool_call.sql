-- Deploy agents:finish_tool_call to pg
-- requires: hold_run
-- requires: guard_tool_call
--
-- The outcome of a call, once. A call that has not begun can only be cancelled, so that a run which
-- no longer wants it can end; its pending approval then expires, because nobody decided it.
-- Locks: none.  Docs: docs/schema/agents.md#finish-tool-call

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.finish_tool_call(
    p_firm_id uuid,
    p_run_id uuid,
    p_worker_id text,
    p_attempt_no integer,
    p_tool_call_id uuid,
    p_requested_at timestamptz,
    p_status text,
    p_result text DEFAULT NULL,
    p_error_type text DEFAULT NULL,
    p_error_message text DEFAULT NULL,
    p_is_error_retryable boolean DEFAULT NULL,
    p_external_ref text DEFAULT NULL,
    p_cost_usd numeric DEFAULT NULL,
    p_child_run_id uuid DEFAULT NULL,
    p_ended_at timestamptz DEFAULT NULL,
    p_result_s3_key text DEFAULT NULL,
    p_result_sha256 bytea DEFAULT NULL,
    p_result_bytes bigint DEFAULT NULL,
    p_result_preview text DEFAULT NULL
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_result_sha256   CONSTANT bytea :=
        coalesce(p_result_sha256, sha256(convert_to(p_result, 'UTF8')));
    v_now             timestamptz;
    v_ended_at        timestamptz;
    v_approval_status text;
    v_run             agents.agent_run;
    v_call            agents.tool_call;
BEGIN
    IF (
        p_status IN ('succeeded', 'failed', 'timed_out', 'cancelled', 'unknown')
    ) IS NOT TRUE THEN
        RAISE EXCEPTION 'p_status: % is no outcome', coalesce(p_status, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass succeeded, failed, timed_out, cancelled or unknown.';
    END IF;

    v_run := agents.hold_run(p_firm_id, p_run_id, p_worker_id, p_attempt_no);

    -- After the lock, so that a call ends after what was written while this waited for it.
    v_now := clock_timestamp();

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

    IF v_call.status <> 'running'
        AND NOT (v_call.status IN ('requested', 'waiting_approval') AND p_status = 'cancelled')
    THEN
        IF v_call.status = p_status
            AND v_call.result_sha256 IS NOT DISTINCT FROM v_result_sha256
        THEN
            RETURN p_status;
        END IF;
        RAISE EXCEPTION 'p_tool_call_id: tool call % is %, not running',
            p_tool_call_id, v_call.status
            USING ERRCODE = 'MU110',
                  HINT = 'Begin a call before it is finished. What has ended stays as it is.';
    END IF;

    -- Of a call in doubt nobody may have seen an end.
    v_ended_at := coalesce(
        p_ended_at,
        CASE
            WHEN p_status <> 'unknown' OR v_result_sha256 IS NOT NULL
                THEN greatest(v_now, v_call.requested_at, v_call.started_at)
        END
    );
    IF v_ended_at < greatest(v_call.requested_at, v_call.started_at)
        OR p_ended_at > v_now + interval '5 minutes'
    THEN
        RAISE EXCEPTION 'p_ended_at: % lies before the call began, or in the future', p_ended_at
            USING ERRCODE = 'MU112',
                  HINT = 'Look at the clock of the writer, or leave it to the database.';
    END IF;

    v_approval_status := CASE v_call.approval_status
        WHEN 'pending' THEN 'expired'
        ELSE v_call.approval_status
    END;

    UPDATE agents.tool_call AS c
    SET
        status = p_status,
        ended_at = v_ended_at,
        error_type = p_error_type,
        error_message = p_error_message,
        is_error_retryable = p_is_error_retryable,
        approval_status = v_approval_status,
        child_run_id = p_child_run_id,
        external_ref = p_external_ref,
        cost_usd = p_cost_usd,
        result_storage = CASE
            WHEN p_result_s3_key IS NOT NULL THEN 's3'
            WHEN p_result IS NOT NULL THEN 'inline'
        END,
        result_inline = p_result,
        result_s3_key = p_result_s3_key,
        result_sha256 = v_result_sha256,
        result_bytes = coalesce(p_result_bytes, octet_length(convert_to(p_result, 'UTF8'))),
        result_preview = p_result_preview
    WHERE c.firm_id = p_firm_id
        AND c.tool_call_id = p_tool_call_id
        AND c.requested_at = p_requested_at;

    -- The run waits as long as any of its calls does.
    IF v_call.status = 'waiting_approval' THEN
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

    RETURN p_status;
END;
$function$;

COMMENT ON FUNCTION agents.finish_tool_call(
    uuid, uuid, text, integer, uuid, timestamptz, text, text, text, text, boolean, text, numeric,
    uuid, timestamptz, text, bytea, bigint, text
) IS
    'Notes how a running call ended (succeeded, failed, timed_out, cancelled, unknown) with its '
    'result, and returns that status; the same outcome with the same result again changes nothing. '
    'A call that is requested or waits for approval can be cancelled; when no call of the run '
    'waits any more, the run goes on, and its lease begins anew, as long as before. Raises P0002 '
    'when the run has no such call; MU110 when the call has ended otherwise, or has not begun; '
    'MU112 when p_ended_at lies before the call or more than five minutes ahead; MU103 for a '
    'result or price of a call that had not begun; 22023 when p_status is no outcome; 23503 when '
    'the child run is not there; 23514 by the name of a CHECK; P0002, MU101, MU102 and MU111 as '
    'agents.hold_run() does; 42501 and 22004 as platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.finish_tool_call(
    uuid, uuid, text, integer, uuid, timestamptz, text, text, text, text, boolean, text, numeric,
    uuid, timestamptz, text, bytea, bigint, text
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.finish_tool_call(
    uuid, uuid, text, integer, uuid, timestamptz, text, text, text, text, boolean, text, numeric,
    uuid, timestamptz, text, bytea, bigint, text
) TO muniment_app;

COMMIT;

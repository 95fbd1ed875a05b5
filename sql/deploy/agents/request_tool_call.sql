-- Deploy agents:request_tool_call to pg
-- requires: hold_run
-- requires: guard_tool_call
--
-- What the model asked for goes on the books before anything happens. Whether a person must agree
-- is the registry's word, not the caller's. The same key in a run is the same effect: asked for
-- again it is the call that is there, unless that one went wrong in a way that can be tried again.
-- That is decided here and nowhere else, because what has ended never runs again: another try is a
-- new attempt, with an approval of its own.
-- Locks: none.  Docs: docs/schema/agents.md#request-tool-call

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.request_tool_call(
    p_firm_id uuid,
    p_run_id uuid,
    p_worker_id text,
    p_attempt_no integer,
    p_tool_name text,
    p_args text DEFAULT NULL,
    p_tool_version text DEFAULT NULL,
    p_tool_call_id uuid DEFAULT NULL,
    p_requested_at timestamptz DEFAULT NULL,
    p_idempotency_key text DEFAULT NULL,
    p_provider_call_id text DEFAULT NULL,
    p_turn_id uuid DEFAULT NULL,
    p_span_id text DEFAULT NULL,
    p_approval_expires_at timestamptz DEFAULT NULL,
    p_args_s3_key text DEFAULT NULL,
    p_args_sha256 bytea DEFAULT NULL,
    p_args_bytes bigint DEFAULT NULL,
    p_args_preview text DEFAULT NULL
)
RETURNS TABLE (
    tool_call_id uuid,
    requested_at timestamptz,
    call_no integer,
    call_attempt_no integer,
    status text,
    approval_status text,
    args_sha256 bytea
)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_now  timestamptz;
    v_run  agents.agent_run;
    v_tool agents.tool_registry;
    v_call agents.tool_call;
BEGIN
    IF p_worker_id IS NULL THEN
        RAISE EXCEPTION 'p_worker_id: is null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'A queued run has no worker: agents.claim_run() gives it one.';
    END IF;

    v_run := agents.hold_run(p_firm_id, p_run_id, p_worker_id, p_attempt_no);

    -- After the lock, so that calls are numbered in the order of the clock.
    v_now := clock_timestamp();
    requested_at := coalesce(p_requested_at, greatest(v_now, v_run.started_at));
    IF requested_at < v_run.started_at OR p_requested_at > v_now + interval '5 minutes' THEN
        RAISE EXCEPTION 'p_requested_at: % lies before the run, or in the future', p_requested_at
            USING ERRCODE = 'MU112',
                  HINT = 'Look at the clock of the writer, or leave it to the database.';
    END IF;

    args_sha256 := coalesce(p_args_sha256, sha256(convert_to(p_args, 'UTF8')));

    -- An id is one attempt, a key the latest of all attempts at one effect.
    IF p_tool_call_id IS NOT NULL THEN
        SELECT c.*
        INTO v_call
        FROM agents.tool_call AS c
        WHERE c.firm_id = p_firm_id
            AND c.tool_call_id = p_tool_call_id
            AND c.requested_at >= v_run.started_at;
    END IF;
    IF v_call.tool_call_id IS NULL AND p_idempotency_key IS NOT NULL THEN
        SELECT c.*
        INTO v_call
        FROM agents.tool_call AS c
        WHERE c.firm_id = p_firm_id
            AND c.run_id = p_run_id
            AND c.idempotency_key = p_idempotency_key
            AND c.requested_at >= v_run.started_at
        ORDER BY c.attempt_no DESC
        LIMIT 1;
    END IF;

    IF v_call.tool_call_id IS NOT NULL THEN
        IF (v_call.run_id, v_call.tool_name, v_call.args_sha256, v_call.idempotency_key)
            IS DISTINCT FROM (p_run_id, p_tool_name, args_sha256, p_idempotency_key)
        THEN
            RAISE EXCEPTION '%: tool call % is for another tool or other arguments',
                CASE v_call.tool_call_id
                    WHEN p_tool_call_id THEN 'p_tool_call_id'
                    ELSE 'p_idempotency_key'
                END,
                v_call.tool_call_id
                USING ERRCODE = 'MU106',
                      HINT = 'Give each effect a key, and each call an id of its own.';
        END IF;

        IF v_call.tool_call_id = p_tool_call_id
            OR NOT (
                CASE
                    WHEN v_call.status IN ('failed', 'timed_out') THEN
                        coalesce(v_call.is_error_retryable, false)
                    -- It may have had its effect: only a tool is asked again that can bear it.
                    WHEN v_call.status = 'unknown' THEN EXISTS (
                        SELECT
                        FROM agents.tool_registry AS t
                        WHERE t.tool_name = v_call.tool_name
                            AND t.tool_version = v_call.tool_version
                            AND t.replay IN ('safe', 'with_key')
                    )
                    ELSE false
                END
            )
        THEN
            tool_call_id := v_call.tool_call_id;
            requested_at := v_call.requested_at;
            call_no := v_call.call_no;
            call_attempt_no := v_call.attempt_no;
            status := v_call.status;
            approval_status := v_call.approval_status;
            RETURN NEXT;
            RETURN;
        END IF;

        call_no := v_call.call_no;
        call_attempt_no := v_call.attempt_no + 1;
    ELSE
        SELECT c.call_no
        INTO call_no
        FROM agents.tool_call AS c
        WHERE c.firm_id = p_firm_id
            AND c.run_id = p_run_id
            AND c.requested_at >= v_run.started_at
        ORDER BY c.call_no DESC
        LIMIT 1;
        call_no := coalesce(call_no, 0) + 1;
        call_attempt_no := 1;
    END IF;

    SELECT t.*
    INTO v_tool
    FROM agents.tool_registry AS t
    WHERE t.tool_name = p_tool_name
        AND t.tool_version = coalesce(p_tool_version, t.tool_version)
        AND t.is_active;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_tool_name: tool % is not registered, or not active',
            concat_ws(' ', coalesce(p_tool_name, 'NULL'), p_tool_version)
            USING ERRCODE = 'MU105',
                  HINT = 'agents.tool_registry lists the tools; agents are offered active ones.';
    END IF;

    IF v_tool.approval = 'always'
        -- Whoever approved it once in this run approved this version of it.
        OR v_tool.approval = 'first_use' AND NOT EXISTS (
            SELECT
            FROM agents.tool_call AS c
            WHERE c.firm_id = p_firm_id
                AND c.run_id = p_run_id
                AND c.requested_at >= v_run.started_at
                AND c.tool_name = v_tool.tool_name
                AND c.tool_version = v_tool.tool_version
                AND c.approval_status = 'approved'
        )
    THEN
        IF args_sha256 IS NULL THEN
            RAISE EXCEPTION 'p_args: is null, and tool % needs an approval', p_tool_name
                USING ERRCODE = 'null_value_not_allowed',
                      HINT = 'What is approved are arguments: pass ''{}'' where there are none.';
        END IF;
        IF p_approval_expires_at <= requested_at THEN
            RAISE EXCEPTION 'p_approval_expires_at: % is not after the request',
                p_approval_expires_at
                USING ERRCODE = 'MU112',
                      HINT = 'Leave time for a person to decide, or leave it to them.';
        END IF;

        status := 'waiting_approval';
        approval_status := 'pending';
        IF v_run.status = 'running' THEN
            UPDATE agents.agent_run AS r
            SET status = 'waiting_approval'
            WHERE r.firm_id = p_firm_id
                AND r.run_id = p_run_id
                AND r.started_at = v_run.started_at;
        END IF;
    ELSE
        status := 'requested';
        approval_status := 'not_required';
    END IF;

    tool_call_id := coalesce(p_tool_call_id, platform.uuid_generate_v7());
    INSERT INTO agents.tool_call (
        firm_id, tool_call_id, requested_at, run_id, run_started_at, turn_id, call_no, attempt_no,
        provider_call_id, tool_name, tool_version, definition_sha256, idempotency_key, status,
        approval_status, approval_expires_at, span_id, args_storage, args_inline, args_s3_key,
        args_sha256, args_bytes, args_preview
    )
    VALUES (
        p_firm_id,
        tool_call_id,
        requested_at,
        p_run_id,
        v_run.started_at,
        p_turn_id,
        call_no,
        call_attempt_no,
        p_provider_call_id,
        v_tool.tool_name,
        v_tool.tool_version,
        v_tool.definition_sha256,
        p_idempotency_key,
        status,
        approval_status,
        CASE approval_status WHEN 'pending' THEN p_approval_expires_at END,
        p_span_id,
        CASE
            WHEN p_args_s3_key IS NOT NULL THEN 's3'
            WHEN p_args IS NOT NULL THEN 'inline'
        END,
        p_args,
        p_args_s3_key,
        args_sha256,
        coalesce(p_args_bytes, octet_length(convert_to(p_args, 'UTF8'))),
        p_args_preview
    );
    RETURN NEXT;
END;
$function$;

COMMENT ON FUNCTION agents.request_tool_call(
    uuid, uuid, text, integer, text, text, text, uuid, timestamptz, text, text, uuid, text,
    timestamptz, text, bytea, bigint, text
) IS
    'Records that a run asks for a tool and returns the call: requested, or waiting_approval, and '
    'the run with it, when the registry wants a person to agree (first_use: no call of this '
    'version was approved in the run yet). The same idempotency key or id returns the call that is '
    'there; by the key another attempt, with the same call_no, when that one failed or timed out '
    'with is_error_retryable, or is unknown and its tool may be replayed (safe, with_key). Raises '
    'P0002, MU101, MU102 and MU111 as agents.hold_run() does; MU105 when there is no such tool or '
    'no active version; MU106 when key or id are those of another tool or other arguments; MU112 '
    'when p_requested_at lies before the run or more than five minutes ahead, or the approval '
    'expires before it; 22004 without a worker, or without arguments to approve; 23514 by the name '
    'of a CHECK, or when the month has no partition; 42501 as platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.request_tool_call(
    uuid, uuid, text, integer, text, text, text, uuid, timestamptz, text, text, uuid, text,
    timestamptz, text, bytea, bigint, text
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.request_tool_call(
    uuid, uuid, text, integer, text, text, text, uuid, timestamptz, text, text, uuid, text,
    timestamptz, text, bytea, bigint, text
) TO muniment_app;

COMMIT;

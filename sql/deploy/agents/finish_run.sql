-- Deploy agents:finish_run to pg
-- requires: end_tool_calls
-- requires: hold_run
-- requires: seal_run
--
-- The end of a run and its seal are one: neither is there without the other. Saying it again is
-- harmless, so a worker that did not hear the answer may ask once more.
-- Locks: none.  Docs: docs/schema/agents.md#finish-run

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.finish_run(
    p_firm_id uuid,
    p_run_id uuid,
    p_worker_id text,
    p_attempt_no integer,
    p_status text,
    p_finish_reason text DEFAULT NULL,
    p_error_type text DEFAULT NULL,
    p_error_message text DEFAULT NULL,
    p_is_error_retryable boolean DEFAULT NULL,
    p_input_tokens bigint DEFAULT NULL,
    p_output_tokens bigint DEFAULT NULL,
    p_cache_read_tokens bigint DEFAULT NULL,
    p_cache_write_tokens bigint DEFAULT NULL,
    p_reasoning_tokens bigint DEFAULT NULL,
    p_cost_usd numeric DEFAULT NULL,
    p_price_ref text DEFAULT NULL,
    p_response_model text DEFAULT NULL,
    p_first_token_ms integer DEFAULT NULL,
    p_ended_at timestamptz DEFAULT NULL
)
RETURNS bytea
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_now         CONSTANT timestamptz := clock_timestamp();
    v_seal_sha256 bytea;
    v_run         agents.agent_run;
    v_sums        record;
    v_open        integer;
    v_ended_at    timestamptz;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    IF p_status IS NULL
        OR p_status NOT IN ('succeeded', 'failed', 'cancelled', 'timed_out')
    THEN
        RAISE EXCEPTION 'p_status: % does not finish a run',
            coalesce(quote_literal(p_status), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A run finishes as succeeded, failed, cancelled or timed_out.';
    END IF;
    IF p_ended_at > v_now + interval '5 minutes' THEN
        RAISE EXCEPTION 'p_ended_at: % lies in the future', p_ended_at
            USING ERRCODE = 'MU112',
                  HINT = 'Look at the clock of the writer, or leave it to the database.';
    END IF;

    -- Who says the same at once waits here, and then hears what the first of them heard.
    PERFORM
    FROM agents.agent_run AS r
    WHERE r.firm_id = p_firm_id
        AND r.run_id = p_run_id
        AND r.started_at = (
            SELECT k.started_at
            FROM agents.agent_run_key AS k
            WHERE k.firm_id = p_firm_id
                AND k.run_id = p_run_id
        )
    FOR NO KEY UPDATE;

    -- By the same worker in the same attempt, as before.
    SELECT s.seal_sha256
    INTO v_seal_sha256
    FROM agents.run_seal AS s
    WHERE s.firm_id = p_firm_id
        AND s.run_id = p_run_id
        AND s.kind = 'run'
        AND EXISTS (
            SELECT
            FROM agents.agent_run AS r
            WHERE r.firm_id = p_firm_id
                AND r.run_id = p_run_id
                AND r.started_at = s.run_started_at
                AND r.status = p_status
                AND r.worker_id IS NOT DISTINCT FROM p_worker_id
                AND r.attempt_no = p_attempt_no
        );
    IF FOUND THEN
        RETURN v_seal_sha256;
    END IF;

    v_run := agents.hold_run(p_firm_id, p_run_id, p_worker_id, p_attempt_no);
    -- After the lock: whoever waited for it ends the run after what was written under it.
    v_ended_at := coalesce(p_ended_at, greatest(clock_timestamp(), v_run.started_at));

    IF p_status = 'succeeded' THEN
        SELECT c.call_no
        INTO v_open
        FROM agents.tool_call AS c
        WHERE c.firm_id = p_firm_id
            AND c.run_id = p_run_id
            AND c.requested_at >= v_run.started_at
            AND c.status IN ('requested', 'waiting_approval', 'running')
        ORDER BY c.call_no
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'p_status: call % of run % is open', v_open, p_run_id
                USING ERRCODE = 'MU115',
                      HINT = 'Finish the call, or finish the run as failed or cancelled.';
        END IF;
    ELSE
        PERFORM agents.end_tool_calls(p_firm_id, p_run_id, v_run.started_at, v_ended_at);
    END IF;

    -- Counted by the caller or by the turns, never half and half.
    IF num_nonnulls(
        p_input_tokens, p_output_tokens, p_cache_read_tokens, p_cache_write_tokens,
        p_reasoning_tokens
    ) = 0 THEN
        SELECT
            sum(t.input_tokens)::bigint AS input_tokens,
            sum(t.output_tokens)::bigint AS output_tokens,
            sum(t.cache_read_tokens)::bigint AS cache_read_tokens,
            sum(t.cache_write_tokens)::bigint AS cache_write_tokens,
            sum(t.reasoning_tokens)::bigint AS reasoning_tokens,
            -- Priced only when all is that used something.
            CASE
                WHEN bool_and(t.cost_usd IS NOT NULL OR t.output_tokens IS NULL)
                    THEN sum(t.cost_usd)
            END AS cost_usd
        INTO v_sums
        FROM agents.chat_turn AS t
        WHERE t.firm_id = p_firm_id
            AND t.run_id = p_run_id
            AND t.created_at >= v_run.started_at;
    ELSE
        SELECT
            p_input_tokens AS input_tokens,
            p_output_tokens AS output_tokens,
            p_cache_read_tokens AS cache_read_tokens,
            p_cache_write_tokens AS cache_write_tokens,
            p_reasoning_tokens AS reasoning_tokens,
            NULL::numeric AS cost_usd
        INTO v_sums;
    END IF;

    -- What waited for a person goes on before it ends well.
    IF v_run.status = 'waiting_approval' AND p_status = 'succeeded' THEN
        UPDATE agents.agent_run AS r
        SET status = 'running'
        WHERE r.firm_id = p_firm_id
            AND r.run_id = p_run_id
            AND r.started_at = v_run.started_at;
    END IF;

    UPDATE agents.agent_run AS r
    SET
        status = p_status,
        ended_at = v_ended_at,
        finish_reason = p_finish_reason,
        error_type = p_error_type,
        error_message = p_error_message,
        is_error_retryable = p_is_error_retryable,
        input_tokens = v_sums.input_tokens,
        output_tokens = v_sums.output_tokens,
        cache_read_tokens = v_sums.cache_read_tokens,
        cache_write_tokens = v_sums.cache_write_tokens,
        reasoning_tokens = v_sums.reasoning_tokens,
        cost_usd = coalesce(p_cost_usd, v_sums.cost_usd),
        price_ref = p_price_ref,
        response_model = p_response_model,
        first_token_ms = p_first_token_ms
    WHERE r.firm_id = p_firm_id
        AND r.run_id = p_run_id
        AND r.started_at = v_run.started_at;

    RETURN agents.seal_run(p_firm_id, p_run_id, v_run.started_at);
END;
$function$;

COMMENT ON FUNCTION agents.finish_run(
    uuid, uuid, text, integer, text, text, text, text, boolean, bigint, bigint, bigint, bigint,
    bigint, numeric, text, text, integer, timestamptz
) IS
    'Finishes a run, seals it and returns the seal; the same status again by the same worker '
    'returns the same seal, whatever else is said. Without tokens the run has the sums of its '
    'turns. A run that does not succeed ends its open calls. Raises 22023 when the status does not '
    'finish a run; MU115 when it would succeed with a call open; MU112 when p_ended_at is more '
    'than five minutes ahead; MU103 when a queued run would do other than be cancelled; P0002, '
    'MU101, MU102 and MU111 as agents.hold_run() does, or 40001 above READ COMMITTED; 23514 by '
    'the name of a CHECK; 42501 and 22004 as platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.finish_run(
    uuid, uuid, text, integer, text, text, text, text, boolean, bigint, bigint, bigint, bigint,
    bigint, numeric, text, text, integer, timestamptz
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.finish_run(
    uuid, uuid, text, integer, text, text, text, text, boolean, bigint, bigint, bigint, bigint,
    bigint, numeric, text, text, integer, timestamptz
) TO muniment_app;

COMMIT;

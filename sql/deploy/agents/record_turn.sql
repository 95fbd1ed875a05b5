-- Deploy agents:record_turn to pg
-- requires: guard_agent_run
-- requires: write_turns
-- requires: append_seal
-- requires: sealed_rows
-- requires: platform:enter_tenant
--
-- A finished exchange in one call and one commit: the run, what was said, what was called, what it
-- cost, and the seal. Nothing of it can be there without the rest. The session is locked when the
-- run is written, and until commit, as by agents.append_turns().
-- Locks: none.  Docs: docs/schema/agents.md#record-turn

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.record_turn(
    p_firm_id uuid,
    p_session_id uuid,
    p_run jsonb,
    p_turns jsonb,
    p_tool_calls jsonb DEFAULT '[]'
)
RETURNS TABLE (
    run_id uuid,
    started_at timestamptz,
    last_turn_no integer,
    seal_sha256 bytea,
    is_new boolean
)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_now            CONSTANT timestamptz := clock_timestamp();
    v_request_sha256 bytea;
    v_run            agents.agent_run;
    v_key            agents.agent_run_key;
    v_parent         agents.agent_run;
    v_sums           record;
    v_session        agents.chat_session;
    v_turn_digests   bytea[];
    v_call_digests   bytea[];
    v_tool           text;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    PERFORM agents.check_objects(
        'p_run',
        p_run,
        ARRAY[
            'run_id', 'idempotency_key', 'started_at', 'ended_at', 'status', 'operation',
            'agent_name', 'agent_version', 'prompt_name', 'prompt_version', 'subject_type',
            'subject_id', 'actor_type', 'actor_id', 'provider_name', 'request_model',
            'response_model', 'parent_run_id', 'finish_reason', 'error_type', 'error_message',
            'is_error_retryable', 'input_tokens', 'output_tokens', 'cache_read_tokens',
            'cache_write_tokens', 'reasoning_tokens', 'cost_usd', 'price_ref', 'first_token_ms',
            'trace_id', 'span_id', 'metadata'
        ],
        ARRAY['started_at', 'ended_at'],
        true
    );
    PERFORM agents.check_objects(
        'p_tool_calls',
        p_tool_calls,
        ARRAY[
            'tool_call_id', 'requested_at', 'turn_id', 'provider_call_id', 'tool_name',
            'tool_version', 'idempotency_key', 'status', 'started_at', 'ended_at', 'error_type',
            'error_message', 'is_error_retryable', 'child_run_id', 'external_ref', 'cost_usd',
            'span_id', 'args', 'args_s3_key', 'args_sha256', 'args_bytes', 'args_preview', 'result',
            'result_s3_key', 'result_sha256', 'result_bytes', 'result_preview'
        ],
        ARRAY['requested_at', 'started_at', 'ended_at']
    );

    -- What a second attempt to record the same makes anew is not part of the request. A turn that
    -- is no object is refused with the turns.
    IF p_run ? 'idempotency_key' OR p_run ? 'run_id' THEN
        v_request_sha256 := sha256(convert_to(
            jsonb_build_array(
                p_session_id,
                p_run - ARRAY['run_id', 'started_at', 'ended_at', 'trace_id', 'span_id'],
                (
                    SELECT jsonb_agg(
                        CASE jsonb_typeof(turn)
                            WHEN 'object'
                                THEN turn - ARRAY['turn_id', 'created_at', 'content_s3_key']
                            ELSE turn
                        END
                        ORDER BY place
                    )
                    FROM jsonb_path_query(p_turns, '$[*]') WITH ORDINALITY AS t (turn, place)
                ),
                (
                    SELECT jsonb_agg(
                        call - ARRAY[
                            'tool_call_id', 'turn_id', 'requested_at', 'started_at', 'ended_at',
                            'span_id', 'args_s3_key', 'result_s3_key'
                        ]
                        ORDER BY place
                    )
                    FROM jsonb_array_elements(p_tool_calls) WITH ORDINALITY AS c (call, place)
                )
            )::text,
            'UTF8'
        ));
    END IF;

    v_run := jsonb_populate_record(NULL::agents.agent_run, p_run);
    v_run.firm_id := p_firm_id;
    v_run.run_id := coalesce(v_run.run_id, platform.uuid_generate_v7());
    v_run.ended_at := coalesce(v_run.ended_at, greatest(v_now, v_run.started_at));
    v_run.started_at := coalesce(v_run.started_at, least(v_now, v_run.ended_at));
    v_run.session_id := p_session_id;
    v_run.operation := coalesce(v_run.operation, 'invoke_agent');
    v_run.status := coalesce(v_run.status, 'succeeded');
    v_run.attempt_no := 1;
    v_run.metadata := coalesce(v_run.metadata, '{}');
    IF v_run.status IN ('queued', 'running', 'waiting_approval') THEN
        RAISE EXCEPTION 'p_run.status: % is not the end of a run', v_run.status
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'agents.start_run() begins one that goes on.';
    END IF;

    -- A repeated request does not need its parent any more, whose month may have left.
    v_run.root_run_id := v_run.run_id;
    v_run.depth := 0;
    IF v_run.parent_run_id IS NOT NULL AND NOT EXISTS (
        SELECT
        FROM agents.agent_run_key AS k
        WHERE k.firm_id = p_firm_id
            AND (k.run_id = v_run.run_id OR k.idempotency_key = p_run ->> 'idempotency_key')
    ) THEN
        SELECT r.*
        INTO v_parent
        FROM agents.agent_run AS r
        WHERE r.firm_id = p_firm_id
            AND r.run_id = v_run.parent_run_id
            AND r.started_at = (
                SELECT k.started_at
                FROM agents.agent_run_key AS k
                WHERE k.firm_id = p_firm_id
                    AND k.run_id = v_run.parent_run_id
            );
        IF NOT FOUND THEN
            RAISE EXCEPTION 'p_run.parent_run_id: run % is not there', v_run.parent_run_id
                USING ERRCODE = 'P0002',
                      HINT = 'Look at firm and id, and whether its month is archived.';
        END IF;
        -- So the runs below a run are found from its start on, without a look at earlier months.
        IF num_nonnulls(p_run ->> 'started_at', p_run ->> 'ended_at') = 0 THEN
            -- A parent that was started by a clock ahead of this one.
            v_run.started_at := greatest(v_run.started_at, v_parent.started_at);
            v_run.ended_at := greatest(v_run.ended_at, v_run.started_at);
        ELSIF v_run.started_at < v_parent.started_at THEN
            RAISE EXCEPTION 'p_run.started_at: % is before its parent', v_run.started_at
                USING ERRCODE = 'MU112',
                      HINT = format('Run %s started at %s.', v_parent.run_id, v_parent.started_at);
        END IF;
        v_run.root_run_id := v_parent.root_run_id;
        v_run.depth := v_parent.depth + 1;
    END IF;

    -- From the objects, as the run is written before its turns. What is no object has no tokens
    -- here, and is refused with the turns.
    SELECT
        sum((turn ->> 'input_tokens')::bigint)::bigint AS input_tokens,
        sum((turn ->> 'output_tokens')::bigint)::bigint AS output_tokens,
        sum((turn ->> 'cache_read_tokens')::bigint)::bigint AS cache_read_tokens,
        sum((turn ->> 'cache_write_tokens')::bigint)::bigint AS cache_write_tokens,
        sum((turn ->> 'reasoning_tokens')::bigint)::bigint AS reasoning_tokens,
        -- Priced only when all is that used something.
        CASE
            WHEN bool_and(turn ->> 'cost_usd' IS NOT NULL OR turn ->> 'output_tokens' IS NULL)
                THEN sum((turn ->> 'cost_usd')::numeric(18,9))
        END AS cost_usd
    INTO v_sums
    FROM jsonb_path_query(p_turns, '$[*]') AS turn;
    -- Counted by the caller or by the turns, never half and half.
    IF num_nonnulls(
        v_run.input_tokens, v_run.output_tokens, v_run.cache_read_tokens, v_run.cache_write_tokens,
        v_run.reasoning_tokens
    ) = 0 THEN
        v_run.input_tokens := v_sums.input_tokens;
        v_run.output_tokens := v_sums.output_tokens;
        v_run.cache_read_tokens := v_sums.cache_read_tokens;
        v_run.cache_write_tokens := v_sums.cache_write_tokens;
        v_run.reasoning_tokens := v_sums.reasoning_tokens;
        v_run.cost_usd := coalesce(v_run.cost_usd, v_sums.cost_usd);
    END IF;

    -- Who gets the key writes the run, where there is a session.
    WITH key AS (
        INSERT INTO agents.agent_run_key AS k (
            firm_id, run_id, started_at, idempotency_key, request_sha256
        )
        SELECT
            s.firm_id, v_run.run_id, v_run.started_at, p_run ->> 'idempotency_key',
            v_request_sha256
        FROM agents.chat_session AS s
        WHERE s.firm_id = p_firm_id
            AND s.session_id = p_session_id
        ON CONFLICT DO NOTHING
        RETURNING k.*
    ),
    run AS (
        INSERT INTO agents.agent_run
        SELECT v_run.*
        FROM key
    )
    SELECT key.*
    INTO v_key
    FROM key;

    IF NOT FOUND THEN
        SELECT k.*
        INTO v_key
        FROM agents.agent_run_key AS k
        WHERE k.firm_id = p_firm_id
            AND (k.run_id = v_run.run_id OR k.idempotency_key = p_run ->> 'idempotency_key')
        ORDER BY k.idempotency_key = p_run ->> 'idempotency_key' DESC NULLS LAST
        LIMIT 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'p_session_id: session % is not there', p_session_id
                USING ERRCODE = 'P0002',
                      HINT = 'Look at firm and id, or call agents.open_session() first.';
        END IF;
        IF v_key.request_sha256 IS DISTINCT FROM v_request_sha256 THEN
            RAISE EXCEPTION 'p_run.%: run % was recorded by another request',
                CASE
                    WHEN v_key.idempotency_key = p_run ->> 'idempotency_key' THEN 'idempotency_key'
                    ELSE 'run_id'
                END,
                v_key.run_id
                USING ERRCODE = 'MU100',
                      HINT = 'Give each exchange a key and an id of its own.';
        END IF;

        RETURN QUERY
        SELECT
            v_key.run_id,
            v_key.started_at,
            (
                SELECT max(t.turn_no)
                FROM agents.chat_turn AS t
                WHERE t.firm_id = p_firm_id
                    AND t.run_id = v_key.run_id
                    AND t.created_at >= v_key.started_at
            ),
            (
                SELECT s.seal_sha256
                FROM agents.run_seal AS s
                WHERE s.firm_id = p_firm_id
                    AND s.run_id = v_key.run_id
                    AND s.kind = 'run'
            ),
            false;
        RETURN;
    END IF;

    SELECT max(t.turn_no), array_agg(agents.chat_turn_digest(t) ORDER BY t.turn_no)
    INTO last_turn_no, v_turn_digests
    FROM agents.write_turns(
        p_firm_id, p_session_id, p_turns, v_run.run_id, v_run.started_at, v_run.ended_at
    ) AS t;

    WITH new AS (
        INSERT INTO agents.tool_call AS c (
            firm_id, tool_call_id, requested_at, run_id, run_started_at, turn_id, call_no,
            provider_call_id, tool_name, tool_version, definition_sha256, idempotency_key, status,
            started_at, ended_at, error_type, error_message, is_error_retryable, approval_status,
            child_run_id, external_ref, cost_usd, span_id, args_storage, args_inline, args_s3_key,
            args_sha256, args_bytes, args_preview, result_storage, result_inline, result_s3_key,
            result_sha256, result_bytes, result_preview
        )
        SELECT
            p_firm_id,
            coalesce(call.tool_call_id, platform.uuid_generate_v7()),
            coalesce(call.requested_at, v_run.started_at),
            v_run.run_id,
            v_run.started_at,
            call.turn_id,
            call.place,
            call.provider_call_id,
            call.tool_name,
            tool.tool_version,
            tool.definition_sha256,
            call.idempotency_key,
            coalesce(call.status, 'succeeded'),
            call.started_at,
            coalesce(call.ended_at, v_run.ended_at),
            call.error_type,
            call.error_message,
            call.is_error_retryable,
            -- What was done without asking is said so where somebody should have been asked.
            CASE WHEN tool.approval = 'never' THEN 'not_required' ELSE 'not_recorded' END,
            call.child_run_id,
            call.external_ref,
            call.cost_usd,
            call.span_id,
            CASE
                WHEN call.args IS NOT NULL THEN 'inline'
                WHEN call.args_s3_key IS NOT NULL THEN 's3'
            END,
            call.args,
            call.args_s3_key,
            coalesce(call.args_sha256, sha256(convert_to(call.args, 'UTF8'))),
            coalesce(call.args_bytes, octet_length(convert_to(call.args, 'UTF8'))),
            call.args_preview,
            CASE
                WHEN call.result IS NOT NULL THEN 'inline'
                WHEN call.result_s3_key IS NOT NULL THEN 's3'
            END,
            call.result,
            call.result_s3_key,
            coalesce(call.result_sha256, sha256(convert_to(call.result, 'UTF8'))),
            coalesce(call.result_bytes, octet_length(convert_to(call.result, 'UTF8'))),
            call.result_preview
        FROM ROWS FROM (
                jsonb_to_recordset(p_tool_calls) AS (
                    tool_call_id uuid, requested_at timestamptz, turn_id uuid, provider_call_id
                    text, tool_name text, tool_version text, idempotency_key text, status text,
                    started_at timestamptz, ended_at timestamptz, error_type text, error_message
                    text, is_error_retryable boolean, child_run_id uuid, external_ref text,
                    cost_usd numeric, span_id text, args text, args_s3_key text, args_sha256
                    bytea, args_bytes bigint, args_preview text, result text, result_s3_key text,
                    result_sha256 bytea, result_bytes bigint, result_preview text
                )
            ) WITH ORDINALITY AS call (
                tool_call_id, requested_at, turn_id, provider_call_id, tool_name, tool_version,
                idempotency_key, status, started_at, ended_at, error_type, error_message,
                is_error_retryable, child_run_id, external_ref, cost_usd, span_id, args,
                args_s3_key, args_sha256, args_bytes, args_preview, result, result_s3_key,
                result_sha256, result_bytes, result_preview, place
            )
        INNER JOIN agents.tool_registry AS tool
            ON tool.tool_name = call.tool_name
            AND CASE
                WHEN call.tool_version IS NULL THEN tool.is_active
                ELSE tool.tool_version = call.tool_version
            END
        RETURNING c.*
    )
    SELECT array_agg(agents.tool_call_digest(new) ORDER BY new.call_no)
    INTO v_call_digests
    FROM new;
    IF coalesce(cardinality(v_call_digests), 0) <> jsonb_array_length(p_tool_calls) THEN
        SELECT format('p_tool_calls[%s].tool_name: %s', c.place - 1, coalesce(
            nullif(concat_ws(' ', c.call ->> 'tool_name', c.call ->> 'tool_version'), ''), 'NULL'
        ))
        INTO v_tool
        FROM jsonb_array_elements(p_tool_calls) WITH ORDINALITY AS c (call, place)
        WHERE NOT EXISTS (
            SELECT
            FROM agents.tool_registry AS tool
            WHERE tool.tool_name = c.call ->> 'tool_name'
                AND CASE
                    WHEN c.call ->> 'tool_version' IS NULL THEN tool.is_active
                    ELSE tool.tool_version = c.call ->> 'tool_version'
                END
        )
        ORDER BY c.place
        LIMIT 1;
        RAISE EXCEPTION '% is not registered, or has no active version', v_tool
            USING ERRCODE = 'MU105',
                  HINT = 'agents.tool_registry lists the tools.';
    END IF;

    run_id := v_run.run_id;
    started_at := v_run.started_at;
    -- The rows in the order of agents.sealed_rows(), which need not be read again.
    SELECT s.*
    INTO v_session
    FROM agents.chat_session AS s
    WHERE s.firm_id = p_firm_id
        AND s.session_id = p_session_id;
    seal_sha256 := agents.append_seal(
        p_firm_id,
        'run',
        v_run.run_id,
        v_run.started_at,
        NULL,
        ARRAY[
            agents.agent_run_key_digest(v_key),
            agents.agent_run_digest(v_run),
            agents.chat_session_digest(v_session)
        ] || v_turn_digests || v_call_digests
    );
    is_new := true;
    RETURN NEXT;
END;
$function$;

COMMENT ON FUNCTION agents.record_turn(uuid, uuid, jsonb, jsonb, jsonb) IS
    'Records a finished exchange: a run, its turns, its tool calls and their seal. The keys of '
    'the objects are the columns of agents.agent_run, chat_turn and tool_call; content, args and '
    'result are texts to be kept inline, whose hash and length are computed. Without tokens of '
    'its own the run has the sums of its turns. The same request under the same idempotency_key '
    'or run_id returns what was recorded. Raises 22023 on an unknown key or a status that does '
    'not end a run; 22P02, 22003 and 22007 on a bad value; MU100 when the key or id is that of '
    'another request; MU104 when the session is not open; MU105 when a tool is not registered; '
    'MU112 when a time is more than five minutes ahead or the run starts before its parent; P0002 '
    'when session or parent is not there; 23502, 23505 and 23514 by column or name, the last also '
    'when the month has no partition; 40001 above READ COMMITTED; 42501 and 22004 as '
    'platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.record_turn(uuid, uuid, jsonb, jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.record_turn(uuid, uuid, jsonb, jsonb, jsonb) TO muniment_app;

COMMIT;

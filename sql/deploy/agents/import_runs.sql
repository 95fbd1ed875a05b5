-- Deploy agents:import_runs to pg
-- requires: seal_runs
-- requires: guard_agent_run
-- requires: platform:enter_tenant
--
-- Runs that are over, with their conversations, turns and calls, many at once, sealed like any
-- other. One JSON document a table: half the time of an array a column, and COPY FROM is refused
-- under row security. A key that the firm has already, of this import or another, is passed over
-- with all that hangs on it.
-- Locks: none.  Docs: docs/schema/agents.md#import-runs

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.import_runs(
    p_firm_id uuid,
    p_runs json,
    p_turns json,
    p_tool_calls json
)
RETURNS SETOF uuid
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_run_ids uuid[];
    v_first   timestamptz;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    -- Who gets the key writes the run. Always in the same order, so that two importers wait for
    -- each other and never both.
    WITH new AS (
        INSERT INTO agents.agent_run_key (firm_id, run_id, started_at, idempotency_key)
        SELECT
            p_firm_id,
            run.run_id,
            run.started_at,
            run.idempotency_key
        FROM json_to_recordset(p_runs) AS run (
            run_id uuid, started_at timestamptz, idempotency_key text
        )
        ORDER BY run.idempotency_key
        ON CONFLICT DO NOTHING
        RETURNING run_id, started_at
    ),
    -- Closed: whatever else was said is not in the transcript.
    session AS (
        INSERT INTO agents.chat_session (
            firm_id, session_id, subject_type, subject_id, channel, status, last_turn_no,
            last_turn_at, created_at, closed_at, idempotency_key
        )
        SELECT
            p_firm_id,
            run.session_id,
            run.subject_type,
            run.subject_id,
            'import',
            'closed',
            run.turn_count,
            run.last_turn_at,
            run.started_at,
            run.ended_at,
            run.idempotency_key
        FROM json_to_recordset(p_runs) AS run (
            run_id uuid, session_id uuid, subject_type text, subject_id text, turn_count integer,
            last_turn_at timestamptz, started_at timestamptz, ended_at timestamptz,
            idempotency_key text
        )
        WHERE run.run_id IN (SELECT new.run_id FROM new)
    ),
    run AS (
        INSERT INTO agents.agent_run (
            firm_id, run_id, started_at, session_id, root_run_id, agent_name, subject_type,
            subject_id, provider_name, request_model, response_model, status, ended_at,
            finish_reason, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
            reasoning_tokens, metadata
        )
        SELECT
            p_firm_id,
            run.run_id,
            run.started_at,
            run.session_id,
            run.run_id,
            run.agent_name,
            run.subject_type,
            run.subject_id,
            run.provider_name,
            run.request_model,
            run.response_model,
            run.status,
            run.ended_at,
            run.finish_reason,
            run.input_tokens,
            run.output_tokens,
            run.cache_read_tokens,
            run.cache_write_tokens,
            run.reasoning_tokens,
            run.metadata
        FROM json_to_recordset(p_runs) AS run (
            run_id uuid, started_at timestamptz, session_id uuid, agent_name text,
            subject_type text, subject_id text, provider_name text, request_model text,
            response_model text, status text, ended_at timestamptz, finish_reason text,
            input_tokens bigint, output_tokens bigint, cache_read_tokens bigint,
            cache_write_tokens bigint, reasoning_tokens bigint, metadata jsonb
        )
        WHERE run.run_id IN (SELECT new.run_id FROM new)
    )
    SELECT array_agg(new.run_id), min(new.started_at)
    INTO v_run_ids, v_first
    FROM new;
    IF v_run_ids IS NULL THEN
        RETURN;
    END IF;

    -- The hash and the length are those of the writer; the CHECKs hold the text to them.
    INSERT INTO agents.chat_turn (
        firm_id, turn_id, created_at, session_id, turn_no, run_id, run_started_at, role, author_id,
        response_id, response_model, finish_reason, input_tokens, output_tokens, cache_read_tokens,
        cache_write_tokens, reasoning_tokens, content_format, content_storage, content_inline,
        content_s3_key, content_sha256, content_bytes, content_preview, metadata
    )
    SELECT
        p_firm_id,
        turn.turn_id,
        turn.created_at,
        turn.session_id,
        turn.turn_no,
        turn.run_id,
        turn.run_started_at,
        turn.role,
        turn.author_id,
        turn.response_id,
        turn.response_model,
        turn.finish_reason,
        turn.input_tokens,
        turn.output_tokens,
        turn.cache_read_tokens,
        turn.cache_write_tokens,
        turn.reasoning_tokens,
        turn.content_format,
        turn.content_storage,
        turn.content_inline,
        turn.content_s3_key,
        turn.content_sha256,
        turn.content_bytes,
        turn.content_preview,
        turn.metadata
    FROM json_to_recordset(p_turns) AS turn (
        turn_id uuid, created_at timestamptz, session_id uuid, turn_no integer, run_id uuid,
        run_started_at timestamptz, role text, author_id text, response_id text, response_model
        text, finish_reason text, input_tokens bigint, output_tokens bigint, cache_read_tokens
        bigint, cache_write_tokens bigint, reasoning_tokens bigint, content_format text,
        content_storage text, content_inline text, content_s3_key text, content_sha256 bytea,
        content_bytes bigint, content_preview text, metadata jsonb
    )
    WHERE turn.run_id IN (SELECT unnest(v_run_ids));

    -- LEFT JOIN: a tool that is not registered must stop the import, not drop the call.
    INSERT INTO agents.tool_call (
        firm_id, tool_call_id, requested_at, run_id, run_started_at, turn_id, call_no,
        provider_call_id, tool_name, tool_version, definition_sha256, status, approval_status,
        ended_at, args_storage, args_inline, args_s3_key, args_sha256, args_bytes, args_preview,
        result_storage, result_inline, result_s3_key, result_sha256, result_bytes, result_preview
    )
    SELECT
        p_firm_id,
        call.tool_call_id,
        call.requested_at,
        call.run_id,
        call.run_started_at,
        call.turn_id,
        call.call_no,
        call.provider_call_id,
        call.tool_name,
        'imported',
        tool.definition_sha256,
        call.status,
        'not_recorded',
        call.ended_at,
        call.args_storage,
        call.args_inline,
        call.args_s3_key,
        call.args_sha256,
        call.args_bytes,
        call.args_preview,
        call.result_storage,
        call.result_inline,
        call.result_s3_key,
        call.result_sha256,
        call.result_bytes,
        call.result_preview
    FROM json_to_recordset(p_tool_calls) AS call (
        tool_call_id uuid, requested_at timestamptz, run_id uuid, run_started_at timestamptz,
        turn_id uuid, call_no integer, provider_call_id text, tool_name text, status text,
        ended_at timestamptz, args_storage text, args_inline text, args_s3_key text,
        args_sha256 bytea, args_bytes bigint, args_preview text, result_storage text,
        result_inline text, result_s3_key text, result_sha256 bytea, result_bytes bigint,
        result_preview text
    )
    LEFT JOIN agents.tool_registry AS tool
        ON tool.tool_name = call.tool_name
        AND tool.tool_version = 'imported'
    WHERE call.run_id IN (SELECT unnest(v_run_ids));

    PERFORM agents.seal_runs(p_firm_id, v_run_ids, v_first);

    RETURN QUERY
    SELECT unnest(v_run_ids);
END;
$function$;

COMMENT ON FUNCTION agents.import_runs(uuid, json, json, json) IS
    'Imports runs that are over, with their sessions, turns and tool calls, and seals them; '
    'returns the runs that were not there yet. The keys of the objects are the columns of the '
    'tables. Raises 22023 when p_runs, p_turns or p_tool_calls is no array of objects, 22P02 and '
    '22007 on a bad value, 23502, 23503, 23505 and 23514 by column or name, the last also when a '
    'month has no partition; MU103 and MU115 when a run or a call has not ended; 40001 above READ '
    'COMMITTED; 42501 and 22004 as platform.enter_tenant() does. Then nothing was imported.';

REVOKE ALL ON FUNCTION agents.import_runs(uuid, json, json, json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.import_runs(uuid, json, json, json) TO muniment_app;

COMMIT;

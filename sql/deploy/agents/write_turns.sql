-- Deploy agents:write_turns to pg
-- requires: check_objects
-- requires: guard_chat_session
-- requires: guard_chat_turn
--
-- The row of the session is the counter: whoever appends holds it until commit, so turns are
-- numbered 1, 2, 3 in the order of their commits, without a gap and without a look at a clock.
-- For agents.append_turns() and agents.record_turn(), which know the run.
-- Locks: none.  Docs: docs/schema/agents.md#write-turns

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.write_turns(
    p_firm_id uuid,
    p_session_id uuid,
    p_turns jsonb,
    p_run_id uuid,
    p_run_started_at timestamptz,
    p_now timestamptz
)
RETURNS SETOF agents.chat_turn
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_turn_count   integer;
    v_last_turn_at timestamptz;
    v_last_turn_no integer;
    v_status       text;
BEGIN
    PERFORM agents.check_objects(
        'p_turns',
        p_turns,
        ARRAY[
            'turn_id', 'created_at', 'role', 'author_id', 'status', 'response_id',
            'response_model', 'finish_reason', 'latency_ms', 'input_tokens', 'output_tokens',
            'cache_read_tokens', 'cache_write_tokens', 'reasoning_tokens', 'cost_usd',
            'content_format', 'metadata', 'content', 'content_s3_key', 'content_sha256',
            'content_bytes', 'content_preview'
        ],
        ARRAY['created_at']
    );

    v_turn_count := jsonb_array_length(p_turns);
    v_last_turn_at := coalesce((p_turns -> -1 ->> 'created_at')::timestamptz, p_now);
    UPDATE agents.chat_session AS s
    SET
        last_turn_no = s.last_turn_no + v_turn_count,
        last_turn_at = CASE WHEN v_turn_count = 0 THEN s.last_turn_at ELSE v_last_turn_at END
    WHERE s.firm_id = p_firm_id
        AND s.session_id = p_session_id
        AND s.status = 'open'
    RETURNING s.last_turn_no
    INTO v_last_turn_no;
    IF NOT FOUND THEN
        SELECT s.status
        INTO v_status
        FROM agents.chat_session AS s
        WHERE s.firm_id = p_firm_id
            AND s.session_id = p_session_id;
        IF FOUND THEN
            RAISE EXCEPTION 'p_session_id: session % is %', p_session_id, v_status
                USING ERRCODE = 'MU104',
                      HINT = 'Set its status to open and closed_at to NULL, or open another.';
        END IF;
        RAISE EXCEPTION 'p_session_id: session % is not there', p_session_id
            USING ERRCODE = 'P0002',
                  HINT = 'Look at firm and id, or call agents.open_session() first.';
    END IF;

    RETURN QUERY
    INSERT INTO agents.chat_turn AS t (
        firm_id, turn_id, created_at, session_id, turn_no, run_id, run_started_at, role, author_id,
        status, response_id, response_model, finish_reason, latency_ms, input_tokens,
        output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd,
        content_format, content_storage, content_inline, content_s3_key, content_sha256,
        content_bytes, content_preview, metadata
    )
    SELECT
        p_firm_id,
        coalesce(new.turn_id, platform.uuid_generate_v7()),
        coalesce(new.created_at, p_now),
        p_session_id,
        v_last_turn_no - v_turn_count + new.place::integer,
        p_run_id,
        p_run_started_at,
        new.role,
        new.author_id,
        coalesce(new.status, 'complete'),
        new.response_id,
        new.response_model,
        new.finish_reason,
        new.latency_ms,
        new.input_tokens,
        new.output_tokens,
        new.cache_read_tokens,
        new.cache_write_tokens,
        new.reasoning_tokens,
        new.cost_usd,
        coalesce(new.content_format, 'text'),
        CASE
            WHEN new.content IS NOT NULL THEN 'inline'
            WHEN new.content_s3_key IS NOT NULL THEN 's3'
        END,
        new.content,
        new.content_s3_key,
        coalesce(new.content_sha256, sha256(convert_to(new.content, 'UTF8'))),
        coalesce(new.content_bytes, octet_length(convert_to(new.content, 'UTF8'))),
        new.content_preview,
        coalesce(new.metadata, '{}')
    FROM ROWS FROM (
            jsonb_to_recordset(p_turns) AS (
                turn_id uuid, created_at timestamptz, role text, author_id text, status text,
                response_id text, response_model text, finish_reason text, latency_ms integer,
                input_tokens bigint, output_tokens bigint, cache_read_tokens bigint,
                cache_write_tokens bigint, reasoning_tokens bigint, cost_usd numeric,
                content_format text, metadata jsonb, content text, content_s3_key text,
                content_sha256 bytea, content_bytes bigint, content_preview text
            )
        ) WITH ORDINALITY AS new (
            turn_id, created_at, role, author_id, status, response_id, response_model,
            finish_reason, latency_ms, input_tokens, output_tokens, cache_read_tokens,
            cache_write_tokens, reasoning_tokens, cost_usd, content_format, metadata, content,
            content_s3_key, content_sha256, content_bytes, content_preview, place
        )
    ORDER BY new.place
    RETURNING t.*;
END;
$function$;

COMMENT ON FUNCTION agents.write_turns(uuid, uuid, jsonb, uuid, timestamptz, timestamptz) IS
    'Numbers turns and writes them, below a run or none; p_now is the time of those that have '
    'none. Raises 22023 on an unknown key, 22P02, 22003 and 22007 on a bad value, MU104 when the '
    'session is not open, MU112 when created_at is more than five minutes ahead, P0002 when the '
    'session is not there, 23505 when turn_id and created_at are those of another turn, 23514 by '
    'the name of a CHECK, or when the month has no partition, 40001 above READ COMMITTED, 42501 '
    'when the tenant is not set.';

REVOKE ALL ON FUNCTION agents.write_turns(uuid, uuid, jsonb, uuid, timestamptz, timestamptz)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.write_turns(uuid, uuid, jsonb, uuid, timestamptz, timestamptz)
    TO muniment_app;

COMMIT;

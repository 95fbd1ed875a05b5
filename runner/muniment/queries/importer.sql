-- Imports run in these. The rows come as one JSON document, which costs half the time of an array
-- a column, and COPY FROM is refused under row security.

-- present_keys --
-- What is already there needs no partition, no tool and no try.
SELECT idempotency_key
FROM agents.agent_run_key
WHERE firm_id = %(firm_id)s
    AND idempotency_key = ANY (%(keys)s);

-- attached_partitions --
-- By what is attached, not by what exists: a month that was detached takes no rows.
SELECT leaf.relname AS partition_name
FROM pg_catalog.pg_inherits AS link
INNER JOIN pg_catalog.pg_class AS leaf ON leaf.oid = link.inhrelid
WHERE link.inhparent IN (
    'agents.agent_run'::regclass, 'agents.chat_turn'::regclass, 'agents.tool_call'::regclass
);

-- ensure_month --
-- One month at a time: the months of a transcript need not be neighbours.
SELECT agents.ensure_partitions(%(month)s, 1) AS partition_name;

-- unregistered_tools --
-- A transcript does not tell which definition the model saw, so an active version does not count.
SELECT seen.tool_name
FROM unnest(%(tool_names)s::text[]) AS seen (tool_name)
WHERE NOT EXISTS (
    SELECT
    FROM agents.tool_registry AS tool
    WHERE tool.tool_name = seen.tool_name
        AND tool.tool_version = 'imported'
)
ORDER BY seen.tool_name;

-- register_tools --
-- Nothing is known of these but that they were called, so they may neither run nor be replayed.
INSERT INTO agents.tool_registry (
    tool_name, tool_version, description, input_schema, side_effect, replay, approval
)
SELECT
    seen.tool_name,
    'imported',
    'Seen in an imported transcript; its definition is not known.',
    '{}',
    'unknown',
    'never',
    'always'
FROM unnest(%(tool_names)s::text[]) AS seen (tool_name)
ORDER BY seen.tool_name
ON CONFLICT (tool_name, tool_version) DO NOTHING
RETURNING tool_name;

-- insert_keys --
-- Who gets the key writes the run. Always in the same order, so that two importers wait for each
-- other and never both.
INSERT INTO agents.agent_run_key (firm_id, run_id, started_at, idempotency_key)
SELECT
    %(firm_id)s,
    run.run_id,
    run.started_at,
    run.idempotency_key
FROM json_to_recordset(%(rows)s::json) AS run (
    run_id uuid, started_at timestamptz, idempotency_key text
)
ORDER BY run.idempotency_key
ON CONFLICT DO NOTHING
RETURNING run_id;

-- insert_sessions --
-- Closed: whatever else was said is not in the transcript.
INSERT INTO agents.chat_session (
    firm_id, session_id, subject_type, subject_id, channel, status, last_turn_no, last_turn_at,
    created_at, closed_at, idempotency_key
)
SELECT
    %(firm_id)s,
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
FROM json_to_recordset(%(rows)s::json) AS run (
    session_id uuid, subject_type text, subject_id text, turn_count integer,
    last_turn_at timestamptz, started_at timestamptz, ended_at timestamptz, idempotency_key text
);

-- insert_runs --
-- The key must have its run when the transaction commits.
INSERT INTO agents.agent_run (
    firm_id, run_id, started_at, session_id, root_run_id, agent_name, subject_type, subject_id,
    provider_name, request_model, response_model, status, ended_at, finish_reason, input_tokens,
    output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, metadata
)
SELECT
    %(firm_id)s,
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
FROM json_to_recordset(%(rows)s::json) AS run (
    run_id uuid, started_at timestamptz, session_id uuid, agent_name text, subject_type text,
    subject_id text, provider_name text, request_model text, response_model text, status text,
    ended_at timestamptz, finish_reason text, input_tokens bigint, output_tokens bigint,
    cache_read_tokens bigint, cache_write_tokens bigint, reasoning_tokens bigint, metadata jsonb
);

-- insert_turns --
-- The hash and the length are those of the file's side; the CHECKs hold the text to them. What has
-- a key is on the shelf by now.
INSERT INTO agents.chat_turn (
    firm_id, turn_id, created_at, session_id, turn_no, run_id, run_started_at, role, author_id,
    response_id, response_model, finish_reason, input_tokens, output_tokens, cache_read_tokens,
    cache_write_tokens, reasoning_tokens, content_format, content_storage, content_inline,
    content_s3_key, content_sha256, content_bytes, content_preview, metadata
)
SELECT
    %(firm_id)s,
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
FROM json_to_recordset(%(rows)s::json) AS turn (
    turn_id uuid, created_at timestamptz, session_id uuid, turn_no integer, run_id uuid,
    run_started_at timestamptz, role text, author_id text, response_id text, response_model text,
    finish_reason text, input_tokens bigint, output_tokens bigint, cache_read_tokens bigint,
    cache_write_tokens bigint, reasoning_tokens bigint, content_format text, content_storage text,
    content_inline text, content_s3_key text, content_sha256 bytea, content_bytes bigint,
    content_preview text, metadata jsonb
);

-- insert_tool_calls --
-- LEFT JOIN: a tool that has left the registry must stop the import, not drop the call.
INSERT INTO agents.tool_call (
    firm_id, tool_call_id, requested_at, run_id, run_started_at, turn_id, call_no,
    provider_call_id, tool_name, tool_version, definition_sha256, status, approval_status, ended_at,
    args_storage, args_inline, args_s3_key, args_sha256, args_bytes, args_preview, result_storage,
    result_inline, result_s3_key, result_sha256, result_bytes, result_preview
)
SELECT
    %(firm_id)s,
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
FROM json_to_recordset(%(rows)s::json) AS call (
    tool_call_id uuid, requested_at timestamptz, run_id uuid, run_started_at timestamptz,
    turn_id uuid, call_no integer, provider_call_id text, tool_name text, status text,
    ended_at timestamptz, args_storage text, args_inline text, args_s3_key text,
    args_sha256 bytea, args_bytes bigint, args_preview text, result_storage text,
    result_inline text, result_s3_key text, result_sha256 bytea, result_bytes bigint,
    result_preview text
)
LEFT JOIN agents.tool_registry AS tool
    ON tool.tool_name = call.tool_name
    AND tool.tool_version = 'imported';

-- `muniment runs` and `muniment show` ask these, as muniment_reader.
-- Partitions are pruned by values for the column that they are made by; a join with agent_run_key
-- prunes nothing. A run is in one month, and no turn or call of it in an earlier one. Later months
-- are asked by their indexes: a row that is missed would be a lie.

-- keys_by_prefix --
-- A prefix of a uuid is a range of uuids, so the primary key finds it.
SELECT run_id, started_at, archived_at
FROM agents.agent_run_key
WHERE firm_id = %(firm_id)s
    AND run_id BETWEEN %(first)s AND %(last)s
ORDER BY run_id
LIMIT %(limit)s;

-- runs --
-- Newest first: the partitions are read in that order, and only as many as it takes.
SELECT
    run.run_id,
    run.started_at,
    run.ended_at,
    run.status,
    run.agent_name,
    run.subject_type,
    run.subject_id,
    run.provider_name,
    run.request_model,
    run.input_tokens,
    run.output_tokens,
    run.cost_usd,
    (
        SELECT count(*)
        FROM agents.chat_turn AS turn
        WHERE turn.firm_id = run.firm_id
            AND turn.run_id = run.run_id
            AND turn.created_at >= run.started_at
    ) AS turn_count,
    (
        SELECT count(*)
        FROM agents.tool_call AS call
        WHERE call.firm_id = run.firm_id
            AND call.run_id = run.run_id
            AND call.requested_at >= run.started_at
    ) AS tool_call_count
FROM agents.agent_run AS run
WHERE run.firm_id = %(firm_id)s
    AND (%(status)s::text IS NULL OR run.status = %(status)s)
    AND (
        %(subject_type)s::text IS NULL
        OR (run.subject_type = %(subject_type)s AND run.subject_id = %(subject_id)s)
    )
ORDER BY run.started_at DESC, run.run_id
LIMIT %(limit)s;

-- run --
-- The start is that of the key, and names the one partition.
SELECT
    run_id,
    started_at,
    ended_at,
    session_id,
    parent_run_id,
    agent_name,
    agent_version,
    subject_type,
    subject_id,
    actor_type,
    actor_id,
    provider_name,
    request_model,
    response_model,
    status,
    finish_reason,
    error_type,
    error_message,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    reasoning_tokens,
    cost_usd,
    metadata
FROM agents.agent_run
WHERE firm_id = %(firm_id)s
    AND run_id = %(run_id)s
    AND started_at = %(started_at)s;

-- turns --
-- chat_turn_not_before_run_ck says that none is older than its run.
SELECT
    turn_id,
    turn_no,
    created_at,
    role,
    author_id,
    status,
    response_model,
    finish_reason,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    reasoning_tokens,
    cost_usd,
    content_format,
    content_storage,
    coalesce(left(content_inline, %(characters)s), content_preview) AS content_text,
    content_s3_key,
    encode(content_sha256, 'hex') AS content_sha256,
    content_bytes,
    metadata
FROM agents.chat_turn
WHERE firm_id = %(firm_id)s
    AND run_id = %(run_id)s
    AND created_at >= %(started_at)s
ORDER BY turn_no;

-- tool_calls --
-- tool_call_times_in_order_ck says that none is older than its run.
SELECT
    tool_call_id,
    call_no,
    attempt_no,
    turn_id,
    provider_call_id,
    tool_name,
    tool_version,
    status,
    requested_at,
    started_at,
    ended_at,
    error_type,
    error_message,
    approval_status,
    cost_usd,
    args_storage,
    coalesce(left(args_inline, %(characters)s), args_preview) AS args_text,
    args_s3_key,
    encode(args_sha256, 'hex') AS args_sha256,
    args_bytes,
    result_storage,
    coalesce(left(result_inline, %(characters)s), result_preview) AS result_text,
    result_s3_key,
    encode(result_sha256, 'hex') AS result_sha256,
    result_bytes
FROM agents.tool_call
WHERE firm_id = %(firm_id)s
    AND run_id = %(run_id)s
    AND requested_at >= %(started_at)s
ORDER BY call_no, attempt_no;

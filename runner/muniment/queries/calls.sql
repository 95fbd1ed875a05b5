-- The calls of muniment.Ledger. Each function names the tenant of its transaction itself, so that
-- one alone is one statement, in autocommit, and leaves nothing on the connection.

-- open_session --
-- A key or an id makes the second time find the first.
SELECT session_id, last_turn_no, created_at, is_new
FROM agents.open_session(
    p_firm_id => %(firm_id)s,
    p_session_id => %(session_id)s,
    p_idempotency_key => %(idempotency_key)s,
    p_subject_type => %(subject_type)s,
    p_subject_id => %(subject_id)s,
    p_actor_type => %(actor_type)s,
    p_actor_id => %(actor_id)s,
    p_channel => %(channel)s,
    p_title => %(title)s,
    p_metadata => %(metadata)s
);

-- close_session --
-- Returns when it was closed first.
SELECT agents.close_session(%(firm_id)s, %(session_id)s);

-- start_run --
-- The id is made by the client, so that a second time finds the first.
SELECT run_id, started_at, status, attempt_no, is_new
FROM agents.start_run(
    p_firm_id => %(firm_id)s,
    p_agent_name => %(agent_name)s,
    p_idempotency_key => %(idempotency_key)s,
    p_run_id => %(run_id)s,
    p_started_at => %(started_at)s,
    p_session_id => %(session_id)s,
    p_parent_run_id => %(parent_run_id)s,
    p_worker_id => %(worker_id)s,
    p_lease => %(lease)s,
    p_operation => %(operation)s,
    p_agent_version => %(agent_version)s,
    p_prompt_name => %(prompt_name)s,
    p_prompt_version => %(prompt_version)s,
    p_subject_type => %(subject_type)s,
    p_subject_id => %(subject_id)s,
    p_actor_type => %(actor_type)s,
    p_actor_id => %(actor_id)s,
    p_provider_name => %(provider_name)s,
    p_request_model => %(request_model)s,
    p_trace_id => %(trace_id)s,
    p_span_id => %(span_id)s,
    p_metadata => %(metadata)s
);

-- claim_run --
-- A queued run, or the run of a worker that is lost.
SELECT run_id, started_at, status, attempt_no
FROM agents.claim_run(%(firm_id)s, %(run_id)s, %(worker_id)s, %(lease)s);

-- heartbeat --
-- Returns when somebody asked to cancel.
SELECT agents.heartbeat(%(firm_id)s, %(run_id)s, %(worker_id)s, %(attempt_no)s, %(lease)s);

-- finish_run --
-- Returns the seal; the same one when it is finished so already.
SELECT agents.finish_run(
    p_firm_id => %(firm_id)s,
    p_run_id => %(run_id)s,
    p_worker_id => %(worker_id)s,
    p_attempt_no => %(attempt_no)s,
    p_status => %(status)s,
    p_finish_reason => %(finish_reason)s,
    p_error_type => %(error_type)s,
    p_error_message => %(error_message)s,
    p_is_error_retryable => %(is_error_retryable)s,
    p_input_tokens => %(input_tokens)s,
    p_output_tokens => %(output_tokens)s,
    p_cache_read_tokens => %(cache_read_tokens)s,
    p_cache_write_tokens => %(cache_write_tokens)s,
    p_reasoning_tokens => %(reasoning_tokens)s,
    p_cost_usd => %(cost_usd)s,
    p_price_ref => %(price_ref)s,
    p_response_model => %(response_model)s,
    p_first_token_ms => %(first_token_ms)s,
    p_ended_at => %(ended_at)s
);

-- request_cancel --
-- Asked by whoever may, not by the worker.
SELECT agents.request_cancel(%(firm_id)s, %(run_id)s);

-- append_turns --
-- As one JSON document, which the database takes apart faster than arrays.
SELECT turn_id, turn_no, created_at
FROM agents.append_turns(
    %(firm_id)s, %(session_id)s, %(turns)s, %(run_id)s, %(worker_id)s, %(attempt_no)s
);

-- record_turn --
-- A finished exchange: one statement, one round trip, one commit.
SELECT run_id, started_at, last_turn_no, seal_sha256, is_new
FROM agents.record_turn(%(firm_id)s, %(session_id)s, %(run)s, %(turns)s, %(tool_calls)s);

-- request_tool_call --
-- Before anything is done about it.
SELECT
    tool_call_id, requested_at, call_no, call_attempt_no, status, approval_status, args_sha256
FROM agents.request_tool_call(
    p_firm_id => %(firm_id)s,
    p_run_id => %(run_id)s,
    p_worker_id => %(worker_id)s,
    p_attempt_no => %(attempt_no)s,
    p_tool_name => %(tool_name)s,
    p_args => %(args)s,
    p_tool_version => %(tool_version)s,
    p_tool_call_id => %(tool_call_id)s,
    p_requested_at => %(requested_at)s,
    p_idempotency_key => %(idempotency_key)s,
    p_provider_call_id => %(provider_call_id)s,
    p_turn_id => %(turn_id)s,
    p_span_id => %(span_id)s,
    p_approval_expires_at => %(approval_expires_at)s,
    p_args_s3_key => %(args_s3_key)s,
    p_args_sha256 => %(args_sha256)s,
    p_args_bytes => %(args_bytes)s,
    p_args_preview => %(args_preview)s
);

-- decide_approval --
-- Needs no lease: people decide.
SELECT agents.decide_approval(
    p_firm_id => %(firm_id)s,
    p_tool_call_id => %(tool_call_id)s,
    p_requested_at => %(requested_at)s,
    p_decision => %(decision)s,
    p_decided_by => %(decided_by)s,
    p_args_sha256 => %(args_sha256)s,
    p_reason => %(reason)s
);

-- begin_tool_call --
-- Returns what is to be done, and the result if it was done.
SELECT
    action, status, result_storage, result_inline, result_s3_key, result_sha256, result_bytes
FROM agents.begin_tool_call(
    p_firm_id => %(firm_id)s,
    p_run_id => %(run_id)s,
    p_worker_id => %(worker_id)s,
    p_attempt_no => %(attempt_no)s,
    p_tool_call_id => %(tool_call_id)s,
    p_requested_at => %(requested_at)s,
    p_args_sha256 => %(args_sha256)s
);

-- finish_tool_call --
-- The same outcome again changes nothing.
SELECT agents.finish_tool_call(
    p_firm_id => %(firm_id)s,
    p_run_id => %(run_id)s,
    p_worker_id => %(worker_id)s,
    p_attempt_no => %(attempt_no)s,
    p_tool_call_id => %(tool_call_id)s,
    p_requested_at => %(requested_at)s,
    p_status => %(status)s,
    p_result => %(result)s,
    p_error_type => %(error_type)s,
    p_error_message => %(error_message)s,
    p_is_error_retryable => %(is_error_retryable)s,
    p_external_ref => %(external_ref)s,
    p_cost_usd => %(cost_usd)s,
    p_child_run_id => %(child_run_id)s,
    p_ended_at => %(ended_at)s,
    p_result_s3_key => %(result_s3_key)s,
    p_result_sha256 => %(result_sha256)s,
    p_result_bytes => %(result_bytes)s,
    p_result_preview => %(result_preview)s
);

-- set_tenant --
-- For what is read by plain SELECT, in a transaction with it.
SELECT platform.set_tenant(%(firm_id)s);

-- act_as_maintainer --
-- Until the transaction ends; as SET LOCAL ROLE does, but with a row to answer.
SELECT set_config('role', 'muniment_maintainer', true);

-- ensure_month --
-- When a row had no month to go to.
SELECT agents.ensure_partitions(%(month)s, 1);

-- session_turns --
-- By number, so that who reads on gets every turn once.
SELECT
    turn_id, turn_no, created_at, run_id, role, author_id, status, response_model, finish_reason,
    latency_ms, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, cost_usd, content_format, metadata, content_storage, content_inline,
    content_s3_key, content_sha256, content_bytes, content_preview
FROM agents.chat_turn
WHERE firm_id = %(firm_id)s
    AND session_id = %(session_id)s
    AND turn_no > %(after)s
ORDER BY turn_no
LIMIT %(limit)s;

-- run --
-- The start is read first, as a scalar, and names the one partition.
SELECT
    run_id, started_at, session_id, parent_run_id, root_run_id, depth, operation, agent_name,
    agent_version, prompt_name, prompt_version, subject_type, subject_id, actor_type, actor_id,
    provider_name, request_model, response_model, status, attempt_no, worker_id, heartbeat_at,
    lease_expires_at, cancel_requested_at, ended_at, finish_reason, error_type, error_message,
    is_error_retryable, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, cost_usd, price_ref, first_token_ms, trace_id, span_id, metadata
FROM agents.agent_run
WHERE firm_id = %(firm_id)s
    AND run_id = %(run_id)s
    AND started_at = (
        SELECT started_at
        FROM agents.agent_run_key
        WHERE firm_id = %(firm_id)s
            AND run_id = %(run_id)s
    );

-- tool_calls --
-- tool_call_times_in_order_ck says that none is older than its run.
SELECT
    tool_call_id, call_no, attempt_no, turn_id, provider_call_id, tool_name, tool_version,
    idempotency_key, status, requested_at, started_at, ended_at, error_type, error_message,
    is_error_retryable, approval_status, approval_expires_at, approval_decided_by,
    approval_decided_at, approval_reason, child_run_id, external_ref, cost_usd, args_storage,
    args_inline, args_s3_key, args_sha256, args_bytes, args_preview, result_storage, result_inline,
    result_s3_key, result_sha256, result_bytes, result_preview
FROM agents.tool_call
WHERE firm_id = %(firm_id)s
    AND run_id = %(run_id)s
    AND requested_at >= (
        SELECT started_at
        FROM agents.agent_run_key
        WHERE firm_id = %(firm_id)s
            AND run_id = %(run_id)s
    )
ORDER BY call_no, attempt_no;

-- seal --
-- A run has one seal, which it got when it ended.
SELECT seal_sha256
FROM agents.run_seal
WHERE firm_id = %(firm_id)s
    AND run_id = %(run_id)s
    AND kind = 'run';

-- verify_seal --
-- The database computes it again.
SELECT verdict, table_name, row_id, row_no, reason
FROM agents.verify_seal(%(firm_id)s, %(run_id)s);

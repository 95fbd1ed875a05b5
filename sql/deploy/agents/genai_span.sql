-- Deploy agents:genai_span to pg
-- requires: agent_run_key
-- requires: agent_run
-- requires: tool_call
--
-- The names are those of the semantic conventions for generative AI, in quotes because of their
-- dots, so that an exporter copies them as they are. What the conventions have no name for has one
-- of ours. Give a span of recorded_at: it names the partitions to read. A parent, and the run of a
-- call, is found by its key, in one. OFFSET 0 keeps it so: joined otherwise, the planner takes all
-- runs of all months instead.
-- Locks: none beyond the new view.  Docs: docs/schema/agents.md#genai-span

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE VIEW agents.genai_span
WITH (security_invoker = true) AS
SELECT
    run.firm_id,
    run.started_at AS recorded_at,
    run.run_id,
    NULL::uuid AS tool_call_id,
    run.trace_id,
    run.span_id,
    parent.span_id AS parent_span_id,
    concat_ws(' ', run.operation, run.agent_name) AS span_name,
    'INTERNAL' AS span_kind,
    run.started_at,
    run.ended_at,
    CASE
        WHEN run.ended_at IS NULL THEN 'UNSET'
        WHEN run.status = 'succeeded' THEN 'OK'
        ELSE 'ERROR'
    END AS status_code,
    run.operation AS "gen_ai.operation.name",
    run.provider_name AS "gen_ai.provider.name",
    run.agent_name AS "gen_ai.agent.name",
    run.agent_version AS "gen_ai.agent.version",
    run.session_id::text AS "gen_ai.conversation.id",
    run.prompt_name AS "gen_ai.prompt.name",
    run.request_model AS "gen_ai.request.model",
    run.response_model AS "gen_ai.response.model",
    CASE WHEN run.finish_reason IS NOT NULL THEN ARRAY[run.finish_reason] END
        AS "gen_ai.response.finish_reasons",
    run.first_token_ms / 1000.0 AS "gen_ai.response.time_to_first_chunk",
    run.input_tokens AS "gen_ai.usage.input_tokens",
    run.output_tokens AS "gen_ai.usage.output_tokens",
    run.cache_read_tokens AS "gen_ai.usage.cache_read.input_tokens",
    run.cache_write_tokens AS "gen_ai.usage.cache_creation.input_tokens",
    run.reasoning_tokens AS "gen_ai.usage.reasoning.output_tokens",
    NULL::text AS "gen_ai.tool.name",
    NULL::text AS "gen_ai.tool.type",
    NULL::text AS "gen_ai.tool.description",
    NULL::text AS "gen_ai.tool.call.id",
    NULL::text AS "gen_ai.tool.call.arguments",
    NULL::text AS "gen_ai.tool.call.result",
    run.error_type AS "error.type",
    run.cost_usd
FROM agents.agent_run AS run
LEFT JOIN LATERAL (
    SELECT r.span_id
    FROM agents.agent_run AS r
    WHERE r.firm_id = run.firm_id
        AND r.run_id = run.parent_run_id
        AND r.started_at = (
            SELECT k.started_at
            FROM agents.agent_run_key AS k
            WHERE k.firm_id = run.firm_id
                AND k.run_id = run.parent_run_id
        )
    OFFSET 0
) AS parent ON true
UNION ALL
SELECT
    call.firm_id,
    call.requested_at,
    call.run_id,
    call.tool_call_id,
    run.trace_id,
    call.span_id,
    run.span_id,
    concat_ws(' ', 'execute_tool', call.tool_name),
    'INTERNAL',
    coalesce(call.started_at, call.requested_at),
    call.ended_at,
    CASE
        WHEN call.status IN ('requested', 'waiting_approval', 'running') THEN 'UNSET'
        WHEN call.status = 'succeeded' THEN 'OK'
        ELSE 'ERROR'
    END,
    'execute_tool',
    run.provider_name,
    run.agent_name,
    run.agent_version,
    run.session_id::text,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    call.tool_name,
    tool.tool_type,
    tool.description,
    call.provider_call_id,
    call.args_inline,
    call.result_inline,
    call.error_type,
    call.cost_usd
FROM agents.tool_call AS call
INNER JOIN agents.tool_registry AS tool
    ON tool.tool_name = call.tool_name
    AND tool.tool_version = call.tool_version
-- The month of the run may have left before that of the call. OFFSET 0: see above.
LEFT JOIN LATERAL (
    SELECT
        r.trace_id, r.span_id, r.provider_name, r.agent_name, r.agent_version, r.session_id
    FROM agents.agent_run AS r
    WHERE r.firm_id = call.firm_id
        AND r.run_id = call.run_id
        AND r.started_at = call.run_started_at
    OFFSET 0
) AS run ON true;

COMMENT ON VIEW agents.genai_span IS
    'Runs and tool calls as spans, under the names of the OpenTelemetry semantic '
    'conventions for generative AI.';
COMMENT ON COLUMN agents.genai_span.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.genai_span.recorded_at IS
    'started_at of a run, requested_at of a call: what names the partition.';
COMMENT ON COLUMN agents.genai_span.run_id IS 'The run; for a call, the one that made it.';
COMMENT ON COLUMN agents.genai_span.tool_call_id IS 'The call. NULL for a run.';
COMMENT ON COLUMN agents.genai_span.trace_id IS
    'W3C trace id: 32 hex digits. NULL when not traced.';
COMMENT ON COLUMN agents.genai_span.span_id IS 'W3C span id: 16 hex digits. NULL when not traced.';
COMMENT ON COLUMN agents.genai_span.parent_span_id IS
    'Span of the run that started this run, or made this call.';
COMMENT ON COLUMN agents.genai_span.span_name IS
    'The operation and what it is of, as the conventions have it.';
COMMENT ON COLUMN agents.genai_span.span_kind IS
    'INTERNAL: the ledger does not know where the agent runs.';
COMMENT ON COLUMN agents.genai_span.started_at IS
    'When it began; a call that has not begun, when it was requested.';
COMMENT ON COLUMN agents.genai_span.ended_at IS 'When it ended. NULL while it is open.';
COMMENT ON COLUMN agents.genai_span.status_code IS
    'UNSET while it is open, OK, or ERROR for every end but success.';
COMMENT ON COLUMN agents.genai_span."gen_ai.operation.name" IS
    'invoke_agent, invoke_workflow or chat; execute_tool for a call.';
COMMENT ON COLUMN agents.genai_span."gen_ai.provider.name" IS 'Who runs the model.';
COMMENT ON COLUMN agents.genai_span."gen_ai.agent.name" IS 'The agent.';
COMMENT ON COLUMN agents.genai_span."gen_ai.agent.version" IS 'Its version.';
COMMENT ON COLUMN agents.genai_span."gen_ai.conversation.id" IS 'session_id.';
COMMENT ON COLUMN agents.genai_span."gen_ai.prompt.name" IS 'The prompt.';
COMMENT ON COLUMN agents.genai_span."gen_ai.request.model" IS 'What was asked for.';
COMMENT ON COLUMN agents.genai_span."gen_ai.response.model" IS 'What answered.';
COMMENT ON COLUMN agents.genai_span."gen_ai.response.finish_reasons" IS
    'The last reason, as a list of one.';
COMMENT ON COLUMN agents.genai_span."gen_ai.response.time_to_first_chunk" IS 'In seconds.';
COMMENT ON COLUMN agents.genai_span."gen_ai.usage.input_tokens" IS
    'Cache included. NULL when not reported.';
COMMENT ON COLUMN agents.genai_span."gen_ai.usage.output_tokens" IS
    'Reasoning included. NULL when not reported.';
COMMENT ON COLUMN agents.genai_span."gen_ai.usage.cache_read.input_tokens" IS
    'Part of the input tokens.';
COMMENT ON COLUMN agents.genai_span."gen_ai.usage.cache_creation.input_tokens" IS
    'Part of the input tokens.';
COMMENT ON COLUMN agents.genai_span."gen_ai.usage.reasoning.output_tokens" IS
    'Part of the output tokens.';
COMMENT ON COLUMN agents.genai_span."gen_ai.tool.name" IS 'The tool.';
COMMENT ON COLUMN agents.genai_span."gen_ai.tool.type" IS 'Its type, as registered.';
COMMENT ON COLUMN agents.genai_span."gen_ai.tool.description" IS 'What the model was told.';
COMMENT ON COLUMN agents.genai_span."gen_ai.tool.call.id" IS 'As the provider calls the call.';
COMMENT ON COLUMN agents.genai_span."gen_ai.tool.call.arguments" IS
    'The arguments, if inline; what is on the shelf is not fetched.';
COMMENT ON COLUMN agents.genai_span."gen_ai.tool.call.result" IS 'The result, if inline.';
COMMENT ON COLUMN agents.genai_span."error.type" IS 'A word to count by.';
COMMENT ON COLUMN agents.genai_span.cost_usd IS
    'Exact price. NULL when not priced. The conventions have no name for it.';

GRANT SELECT ON agents.genai_span TO muniment_reader;

COMMIT;

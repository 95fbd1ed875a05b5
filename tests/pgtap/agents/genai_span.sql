-- Subject: agents.genai_span    Docs: docs/schema/agents.md#genai-span
--
-- Every name and every value, of a run and of a call.
-- That no firm sees the rows of another is in ../_behaviour/every_view.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

SELECT columns_are(
    'agents', 'genai_span',
    ARRAY[
        'firm_id', 'recorded_at', 'run_id', 'tool_call_id', 'trace_id', 'span_id',
        'parent_span_id', 'span_name', 'span_kind', 'started_at', 'ended_at', 'status_code',
        'gen_ai.operation.name', 'gen_ai.provider.name', 'gen_ai.agent.name',
        'gen_ai.agent.version', 'gen_ai.conversation.id', 'gen_ai.prompt.name',
        'gen_ai.request.model', 'gen_ai.response.model', 'gen_ai.response.finish_reasons',
        'gen_ai.response.time_to_first_chunk', 'gen_ai.usage.input_tokens',
        'gen_ai.usage.output_tokens', 'gen_ai.usage.cache_read.input_tokens',
        'gen_ai.usage.cache_creation.input_tokens', 'gen_ai.usage.reasoning.output_tokens',
        'gen_ai.tool.name', 'gen_ai.tool.type', 'gen_ai.tool.description',
        'gen_ai.tool.call.id', 'gen_ai.tool.call.arguments', 'gen_ai.tool.call.result',
        'error.type', 'cost_usd'
    ],
    'the columns are these'
);
SELECT table_privs_are(
    'agents', 'genai_span', 'muniment_reader', ARRAY['SELECT'],
    'muniment_reader reads it'
);
SELECT table_privs_are(
    'agents', 'genai_span', 'muniment_app', ARRAY[]::text[],
    'muniment_app has no right to it'
);
SELECT table_privs_are(
    'agents', 'genai_span', 'muniment_service', ARRAY[]::text[],
    'muniment_service has no right to it'
);
SELECT table_privs_are(
    'agents', 'genai_span', 'muniment_maintainer', ARRAY[]::text[],
    'muniment_maintainer has no right to it'
);

-- Behaviour -----------------------------------------------------------------

SELECT is_empty($$ SELECT span_id FROM agents.genai_span $$, 'no runs, no rows');

SELECT test_support.record_tool('fetch', 'read', 'safe');
SELECT test_support.record_turn('a', '71', '51', 1, '2026-05-31 23:59:59Z', 'hello');
SELECT test_support.record_run(
    'a', 'a1', '2026-05-31 23:59:59Z',
    jsonb_build_object(
        'session_id', test_support.id('51'), 'agent_version', '3', 'prompt_name', 'greet',
        'provider_name', 'anthropic', 'request_model', 'm', 'response_model', 'm-1',
        'finish_reason', 'stop', 'first_token_ms', 250, 'input_tokens', 100, 'output_tokens', 20,
        'cache_read_tokens', 30, 'cache_write_tokens', 10, 'reasoning_tokens', 5,
        'cost_usd', 0.25, 'trace_id', repeat('ab', 16), 'span_id', repeat('0a', 8)
    )
);
SELECT test_support.record_run(
    'a', 'a2', '2026-06-01 00:00:00Z',
    jsonb_build_object(
        'parent_run_id', test_support.id('a1'), 'root_run_id', test_support.id('a1'), 'depth', 1,
        'operation', 'chat', 'status', 'failed', 'error_type', 'boom',
        'trace_id', repeat('ab', 16), 'span_id', repeat('0b', 8)
    )
);
SELECT test_support.record_run(
    'a', 'a3', '2026-06-01 00:00:01Z', '{"status": "queued", "ended_at": null}'
);
SELECT test_support.record_call(
    'a', 'c1', 'a1', 'fetch', '2026-06-01 00:00:00Z',
    jsonb_build_object(
        'started_at', '2026-06-01 00:00:01Z', 'provider_call_id', 'toolu_1', 'cost_usd', 0,
        'span_id', repeat('0c', 8),
        'args_storage', 'inline', 'args_inline', '{"q": 1}', 'args_sha256', sha256('{"q": 1}'),
        'args_bytes', 8, 'result_storage', 'inline', 'result_inline', 'r',
        'result_sha256', sha256('r'), 'result_bytes', 1
    )
);
SELECT test_support.record_call(
    'a', 'c' || n, 'a1', 'fetch', '2026-06-01 00:00:00Z',
    jsonb_build_object(
        'call_no', n, 'status', status, 'started_at', started_at, 'ended_at', ended_at,
        'error_type', error
    )
)
FROM (
    VALUES
        (2, 'requested', NULL, NULL, NULL),
        (3, 'failed', '2026-06-01 00:00:01Z', '2026-06-01 00:00:02Z', 'http_500'),
        (4, 'unknown', '2026-06-01 00:00:01Z', NULL, NULL)
) AS call (n, status, started_at, ended_at, error);
SELECT test_support.record_run('b', 'b1', '2026-06-01 00:00:00Z');

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_reader;
SELECT is(
    (SELECT jsonb_strip_nulls(to_jsonb(s))
     FROM agents.genai_span AS s
     WHERE tool_call_id IS NULL AND right(run_id::text, 2) = 'a1'),
    jsonb_build_object(
        'firm_id', test_support.id('a'),
        'recorded_at', '2026-05-31 23:59:59Z'::timestamptz,
        'run_id', test_support.id('a1'),
        'trace_id', repeat('ab', 16),
        'span_id', repeat('0a', 8),
        'span_name', 'invoke_agent clerk',
        'span_kind', 'INTERNAL',
        'started_at', '2026-05-31 23:59:59Z'::timestamptz,
        'ended_at', '2026-06-01 00:00:00Z'::timestamptz,
        'status_code', 'OK',
        'gen_ai.operation.name', 'invoke_agent',
        'gen_ai.provider.name', 'anthropic',
        'gen_ai.agent.name', 'clerk',
        'gen_ai.agent.version', '3',
        'gen_ai.conversation.id', test_support.id('51'),
        'gen_ai.prompt.name', 'greet',
        'gen_ai.request.model', 'm',
        'gen_ai.response.model', 'm-1',
        'gen_ai.response.finish_reasons', ARRAY['stop'],
        'gen_ai.response.time_to_first_chunk', 0.25,
        'gen_ai.usage.input_tokens', 100,
        'gen_ai.usage.output_tokens', 20,
        'gen_ai.usage.cache_read.input_tokens', 30,
        'gen_ai.usage.cache_creation.input_tokens', 10,
        'gen_ai.usage.reasoning.output_tokens', 5,
        'cost_usd', 0.250000000
    ),
    'a run is a span of the agent'
);
SELECT is(
    (SELECT jsonb_strip_nulls(to_jsonb(s))
     FROM agents.genai_span AS s
     WHERE right(tool_call_id::text, 2) = 'c1'),
    jsonb_build_object(
        'firm_id', test_support.id('a'),
        'recorded_at', '2026-06-01 00:00:00Z'::timestamptz,
        'run_id', test_support.id('a1'),
        'tool_call_id', test_support.id('c1'),
        'trace_id', repeat('ab', 16),
        'span_id', repeat('0c', 8),
        'parent_span_id', repeat('0a', 8),
        'span_name', 'execute_tool fetch',
        'span_kind', 'INTERNAL',
        'started_at', '2026-06-01 00:00:01Z'::timestamptz,
        'ended_at', '2026-06-01 00:00:01Z'::timestamptz,
        'status_code', 'OK',
        'gen_ai.operation.name', 'execute_tool',
        'gen_ai.provider.name', 'anthropic',
        'gen_ai.agent.name', 'clerk',
        'gen_ai.agent.version', '3',
        'gen_ai.conversation.id', test_support.id('51'),
        'gen_ai.tool.name', 'fetch',
        'gen_ai.tool.type', 'function',
        'gen_ai.tool.description', 'Does fetch.',
        'gen_ai.tool.call.id', 'toolu_1',
        'gen_ai.tool.call.arguments', '{"q": 1}',
        'gen_ai.tool.call.result', 'r',
        'cost_usd', 0.000000000
    ),
    'a call is a span of the tool, below the span of its run'
);
SELECT results_eq(
    $$ SELECT right(coalesce(tool_call_id, run_id)::text, 2), span_name, parent_span_id, started_at,
           status_code, "error.type"
       FROM agents.genai_span
       WHERE "gen_ai.response.model" IS NULL AND "gen_ai.tool.call.id" IS NULL
       ORDER BY 1 $$,
    $$ VALUES
        ('a2', 'chat clerk', '0a0a0a0a0a0a0a0a', '2026-06-01 00:00:00Z'::timestamptz,
         'ERROR', 'boom'),
        ('a3', 'invoke_agent clerk', NULL, '2026-06-01 00:00:01Z', 'UNSET', NULL),
        ('c2', 'execute_tool fetch', '0a0a0a0a0a0a0a0a', '2026-06-01 00:00:00Z', 'UNSET', NULL),
        ('c3', 'execute_tool fetch', '0a0a0a0a0a0a0a0a', '2026-06-01 00:00:01Z', 'ERROR',
         'http_500'),
        ('c4', 'execute_tool fetch', '0a0a0a0a0a0a0a0a', '2026-06-01 00:00:01Z', 'ERROR', NULL) $$,
    'a span is open, well or in error, and knows the span above it, also of the month before'
);

SELECT * FROM finish(true);
ROLLBACK;

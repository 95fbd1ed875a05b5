-- Subject: agents.unpriced_run    Docs: docs/schema/agents.md#unpriced-run
--
-- The runs that want a price, open ones too.
-- That no firm sees the rows of another is in ../_behaviour/every_view.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

SELECT columns_are(
    'agents', 'unpriced_run',
    ARRAY[
        'firm_id', 'run_id', 'started_at', 'ended_at', 'status', 'agent_name',
        'provider_name', 'request_model', 'response_model', 'input_tokens', 'output_tokens',
        'cache_read_tokens', 'cache_write_tokens', 'reasoning_tokens'
    ],
    'the columns are these'
);
SELECT table_privs_are(
    'agents', 'unpriced_run', 'muniment_reader', ARRAY['SELECT'],
    'muniment_reader reads it'
);
SELECT table_privs_are(
    'agents', 'unpriced_run', 'muniment_app', ARRAY[]::text[],
    'muniment_app has no right to it'
);
SELECT table_privs_are(
    'agents', 'unpriced_run', 'muniment_service', ARRAY[]::text[],
    'muniment_service has no right to it'
);
SELECT table_privs_are(
    'agents', 'unpriced_run', 'muniment_maintainer', ARRAY[]::text[],
    'muniment_maintainer has no right to it'
);

-- Behaviour -----------------------------------------------------------------

SELECT is_empty($$ SELECT run_id FROM agents.unpriced_run $$, 'no runs, no rows');

SELECT test_support.record_run('a', 'a1', '2026-06-10 12:00:00Z', '{"cost_usd": 0}');
SELECT test_support.record_run(
    'a', 'a2', '2026-06-10 12:00:01Z',
    '{"provider_name": "p", "request_model": "m", "response_model": "m-1", "input_tokens": 5,
      "output_tokens": 4, "cache_read_tokens": 3, "cache_write_tokens": 2, "reasoning_tokens": 1}'
);
SELECT test_support.record_run(
    'a', 'a3', '2026-06-10 12:00:02Z', '{"status": "queued", "ended_at": null}'
);
SELECT test_support.record_run('b', 'b1', '2026-06-10 12:00:00Z');

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT run_id, started_at, ended_at, status, agent_name, provider_name, request_model,
           response_model, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
           reasoning_tokens
       FROM agents.unpriced_run
       ORDER BY started_at $$,
    $$ VALUES
        ('00000000-0000-4000-8000-0000000000a2'::uuid, '2026-06-10 12:00:01Z'::timestamptz,
         '2026-06-10 12:00:02Z'::timestamptz, 'succeeded', 'clerk', 'p', 'm', 'm-1',
         5::bigint, 4::bigint, 3::bigint, 2::bigint, 1::bigint),
        ('00000000-0000-4000-8000-0000000000a3', '2026-06-10 12:00:02Z', NULL, 'queued', 'clerk',
         NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) $$,
    'a run without a price is there, whatever is known of it; one that cost nothing is not'
);
SELECT is(
    (SELECT sum(unpriced_count) FROM agents.daily_usage),
    (SELECT count(*)::numeric FROM agents.unpriced_run),
    'they are those that daily_usage counts'
);

SELECT * FROM finish(true);
ROLLBACK;

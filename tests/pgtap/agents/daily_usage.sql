-- Subject: agents.daily_usage    Docs: docs/schema/agents.md#daily-usage
--
-- What is counted, and where a day ends.
-- That no firm sees the rows of another is in ../_behaviour/every_view.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

SELECT columns_are(
    'agents', 'daily_usage',
    ARRAY[
        'firm_id', 'day', 'agent_name', 'provider_name', 'request_model', 'subject_type',
        'run_count', 'failure_count', 'unpriced_count', 'input_tokens', 'output_tokens',
        'cache_read_tokens', 'cache_write_tokens', 'reasoning_tokens', 'cost_usd'
    ],
    'the columns are these'
);
SELECT table_privs_are(
    'agents', 'daily_usage', 'muniment_reader', ARRAY['SELECT'],
    'muniment_reader reads it'
);
SELECT table_privs_are(
    'agents', 'daily_usage', 'muniment_app', ARRAY['SELECT'],
    'muniment_app reads it'
);
SELECT table_privs_are(
    'agents', 'daily_usage', 'muniment_service', ARRAY[]::text[],
    'muniment_service has no right to it'
);
SELECT table_privs_are(
    'agents', 'daily_usage', 'muniment_maintainer', ARRAY[]::text[],
    'muniment_maintainer has no right to it'
);

-- Behaviour -----------------------------------------------------------------

SELECT is_empty($$ SELECT day FROM agents.daily_usage $$, 'no runs, no rows');

-- The last microsecond before the 10th and the first of the 11th belong elsewhere.
SELECT test_support.record_run('a', 'a0', '2026-06-09 23:59:59.999999Z', '{"input_tokens": 7}');
SELECT test_support.record_run(
    'a', 'a1', '2026-06-10 00:00:00Z',
    '{"provider_name": "p", "request_model": "m", "subject_type": "matter", "subject_id": "1",
      "input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 30, "cache_write_tokens": 10,
      "reasoning_tokens": 5, "cost_usd": 0.000000001}'
);
SELECT test_support.record_run(
    'a', 'a2', '2026-06-10 23:59:59.999999Z',
    '{"provider_name": "p", "request_model": "m", "subject_type": "matter", "subject_id": "2",
      "input_tokens": 1, "output_tokens": 2, "cost_usd": 0.5, "status": "failed",
      "error_type": "boom"}'
);
-- Open, and so neither priced nor counted in tokens.
SELECT test_support.record_run(
    'a', 'a3', '2026-06-10 12:00:00Z',
    '{"provider_name": "p", "request_model": "m", "subject_type": "matter", "subject_id": "3",
      "status": "queued", "ended_at": null}'
);
SELECT test_support.record_run('a', 'a4', '2026-06-10 12:00:00Z', '{"status": "timed_out"}');
SELECT test_support.record_run('a', 'a5', '2026-06-10 12:00:00Z', '{"status": "abandoned"}');
SELECT test_support.record_run('a', 'a6', '2026-06-10 12:00:00Z', '{"status": "cancelled"}');
SELECT test_support.record_run('a', 'a7', '2026-06-11 00:00:00Z', '{"cost_usd": 0}');
SELECT test_support.record_run('b', 'b1', '2026-06-10 12:00:00Z', '{"input_tokens": 9000}');
SELECT test_support.record_run(
    'a', 'a8', '2026-06-12 12:00:00Z', jsonb_build_object('request_model', repeat('m', 5000))
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT firm_id, provider_name, request_model, subject_type, run_count, failure_count,
           unpriced_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
           reasoning_tokens, cost_usd
       FROM agents.daily_usage
       WHERE day = '2026-06-10'
       ORDER BY provider_name $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000a'::uuid, '', '', '',
         3::bigint, 2::bigint, 3::bigint,
         NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::numeric),
        ('00000000-0000-4000-8000-00000000000a', 'p', 'm', 'matter',
         3, 1, 1, 101, 22, 30, 10, 5, 0.500000001) $$,
    'what is not reported is no nought, and what is not given is an empty word'
);
SELECT results_eq(
    $$ SELECT day, run_count, unpriced_count, cost_usd
       FROM agents.daily_usage
       WHERE day <> '2026-06-10'
       ORDER BY day $$,
    $$ VALUES
        ('2026-06-09'::date, 1::bigint, 1::bigint, NULL::numeric),
        ('2026-06-11', 1, 0, 0),
        ('2026-06-12', 1, 1, NULL) $$,
    'a run is of the day on which it started, and what costs nothing has a price'
);
SELECT is(
    (SELECT request_model FROM agents.daily_usage WHERE day = '2026-06-12'), repeat('m', 200),
    'a name that is no name is cut, so that it fits a key'
);
SET LOCAL timezone = 'America/New_York';
SELECT is(
    (SELECT sum(run_count) FROM agents.daily_usage WHERE day = '2026-06-10'), 6::numeric,
    'a day is one of UTC, whatever the zone of the session'
);

SELECT * FROM finish(true);
ROLLBACK;

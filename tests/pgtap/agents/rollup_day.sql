-- Subject: agents.rollup_day    Docs: docs/schema/agents.md#rollup-day
--
-- Callers at once are in tests/integration/test_usage_races.py.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(22);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('agents', 'rollup_day', ARRAY['uuid', 'date'], 'integer');
SELECT isnt_definer('agents', 'rollup_day', ARRAY['uuid', 'date']);
SELECT function_privs_are(
    'agents', 'rollup_day', ARRAY['uuid', 'date'], 'muniment_app',
    ARRAY['EXECUTE']::text[]
);
SELECT function_privs_are(
    'agents', 'rollup_day', ARRAY['uuid', 'date'], 'muniment_reader',
    ARRAY[]::text[]
);
SELECT function_privs_are(
    'agents', 'rollup_day', ARRAY['uuid', 'date'], 'muniment_service',
    ARRAY[]::text[]
);
SELECT function_privs_are(
    'agents', 'rollup_day', ARRAY['uuid', 'date'], 'muniment_maintainer',
    ARRAY[]::text[]
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.record_run('a', 'a0', '2026-06-09 23:59:59.999999Z', '{"input_tokens": 7}');
SELECT test_support.record_run(
    'a', 'a1', '2026-06-10 00:00:00Z',
    '{"provider_name": "p", "request_model": "m", "subject_type": "matter", "subject_id": "1",
      "input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 30, "cache_write_tokens": 10,
      "reasoning_tokens": 5, "cost_usd": 0.25}'
);
SELECT test_support.record_run('a', 'a2', '2026-06-10 23:59:59.999999Z', '{"status": "timed_out"}');
SELECT test_support.record_run(
    'a', 'a3', '2026-06-10 12:00:00Z', '{"status": "queued", "ended_at": null}'
);
SELECT test_support.record_run('b', 'b1', '2026-06-10 12:00:00Z', '{"cost_usd": 9}');
CREATE TEMPORARY VIEW kept
WITH (security_invoker = true) AS
SELECT
    day, agent_name, provider_name, request_model, subject_type, run_count, failure_count,
    unpriced_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, cost_usd
FROM agents.usage_daily
ORDER BY agent_name, provider_name;
GRANT SELECT ON kept TO PUBLIC;

SET LOCAL ROLE muniment_app;
SELECT is(
    agents.rollup_day('00000000-0000-4000-8000-00000000000a', '2026-06-10'), 2,
    'a day is rolled up into a row for what is counted together, without a tenant set before'
);
SELECT results_eq(
    $$ SELECT * FROM kept $$,
    $$ VALUES
        ('2026-06-10'::date, '', '', '', '', 0::bigint, 0::bigint, 0::bigint, NULL::bigint,
         NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::numeric),
        ('2026-06-10', 'clerk', '', '', '', 2, 1, 2, NULL, NULL, NULL, NULL, NULL, NULL),
        ('2026-06-10', 'clerk', 'p', 'm', 'matter', 1, 0, 0, 100, 20, 30, 10, 5, 0.25) $$,
    'the rows have the figures of the day, in UTC, and of this firm'
);
SELECT is(
    agents.rollup_day('00000000-0000-4000-8000-00000000000a', '2026-06-10'), 2,
    'once more is no other row'
);
SELECT is((SELECT count(*) FROM kept), 3::bigint, 'and no more of them');

-- A run ends, another one is written that started on that day.
RESET ROLE;
SELECT test_support.record_run('a', 'a4', '2026-06-10 12:00:00Z', '{"agent_name": "scribe"}');
UPDATE agents.agent_run
SET status = 'cancelled', ended_at = started_at, cost_usd = 0
WHERE run_id = test_support.id('a3');
SET LOCAL ROLE muniment_app;
SELECT is(
    agents.rollup_day('00000000-0000-4000-8000-00000000000a', '2026-06-10'), 3,
    'a day that has changed is rolled up again'
);
SELECT results_eq(
    $$ SELECT agent_name, run_count, unpriced_count, cost_usd FROM kept WHERE provider_name = '' $$,
    $$ VALUES
        ('', 0::bigint, 0::bigint, NULL::numeric), ('clerk', 2, 1, 0), ('scribe', 1, 1, NULL) $$,
    'into the figures that it has now'
);
SELECT is_empty(
    $$ SELECT * FROM agents.usage_differences(
           '00000000-0000-4000-8000-00000000000a', '2026-06-10', '2026-06-11'
       ) $$,
    'which are those of the runs'
);
SELECT is(
    agents.rollup_day('00000000-0000-4000-8000-00000000000a', '2026-06-12'), 0,
    'a day without runs has no rows'
);
SELECT is(
    (SELECT run_count FROM kept WHERE day = '2026-06-12'), 0::bigint,
    'but the one that says that it was rolled up'
);
SELECT throws_ok(
    $$ SELECT agents.rollup_day('00000000-0000-4000-8000-00000000000b', '2026-06-10') $$,
    '42501', NULL, 'a transaction rolls up one firm'
);
SELECT throws_ok(
    $$ SELECT agents.rollup_day('00000000-0000-4000-8000-00000000000a', NULL) $$,
    '22004', 'p_day: no day is given', 'a day has to be named'
);

SELECT throws_ok(
    $$ SELECT agents.rollup_day('00000000-0000-4000-8000-00000000000a', '2026-01-01') $$,
    'MU116', NULL, 'a day before the ledger is refused, not kept as one without runs'
);

RESET ROLE;
UPDATE agents.agent_run_key SET archived_at = now() WHERE started_at < '2026-07-01Z';
ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202606;
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT agents.rollup_day('00000000-0000-4000-8000-00000000000a', '2026-06-10') $$,
    'MU116', 'the ledger does not hold the month of 2026-06-10',
    'a day whose month has left is not rolled up to nothing'
);
SELECT is(
    (SELECT sum(run_count) FROM kept), 4::numeric, 'what was kept of it stays'
);
SELECT is_empty(
    $$ SELECT * FROM agents.usage_differences(
           '00000000-0000-4000-8000-00000000000a', '2026-06-01', '2026-07-01'
       ) $$,
    'and is not called different from runs that have left'
);

-- Access --------------------------------------------------------------------

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000b';
SELECT is_empty($$ SELECT * FROM kept $$, 'another firm sees nothing of it');

SELECT * FROM finish(true);
ROLLBACK;

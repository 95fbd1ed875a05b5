-- Subject: agents.usage_differences    Docs: docs/schema/agents.md#usage-differences
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('agents', 'usage_differences', ARRAY['uuid', 'date', 'date'], 'setof record');
SELECT isnt_definer('agents', 'usage_differences', ARRAY['uuid', 'date', 'date']);
SELECT function_privs_are(
    'agents', 'usage_differences', ARRAY['uuid', 'date', 'date'], 'muniment_app',
    ARRAY['EXECUTE']::text[]
);
SELECT function_privs_are(
    'agents', 'usage_differences', ARRAY['uuid', 'date', 'date'], 'muniment_reader',
    ARRAY['EXECUTE']::text[]
);
SELECT function_privs_are(
    'agents', 'usage_differences', ARRAY['uuid', 'date', 'date'], 'muniment_service',
    ARRAY[]::text[]
);
SELECT function_privs_are(
    'agents', 'usage_differences', ARRAY['uuid', 'date', 'date'], 'muniment_maintainer',
    ARRAY[]::text[]
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.record_run(
    'a', 'a1', '2026-06-10 12:00:00Z', '{"input_tokens": 5, "cost_usd": 0.5}'
);
SELECT test_support.record_run('a', 'a2', '2026-06-11 12:00:00Z');
SELECT test_support.record_run('b', 'b1', '2026-06-10 12:00:00Z');

SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT * FROM agents.usage_differences(
           '00000000-0000-4000-8000-00000000000a', '2026-06-10', '2026-06-11'
       ) $$,
    $$ VALUES
        ('2026-06-10'::date, 'clerk', '', '', '', 'cost_usd', NULL::numeric, 0.5::numeric),
        ('2026-06-10', 'clerk', '', '', '', 'failure_count', NULL, 0),
        ('2026-06-10', 'clerk', '', '', '', 'input_tokens', NULL, 5),
        ('2026-06-10', 'clerk', '', '', '', 'run_count', NULL, 1),
        ('2026-06-10', 'clerk', '', '', '', 'unpriced_count', NULL, 0) $$,
    'a day that was not rolled up differs in all that there is; the last day is not of the span'
);
RESET ROLE;

SET LOCAL ROLE muniment_app;
SELECT is(
    agents.rollup_day('00000000-0000-4000-8000-00000000000a', '2026-06-10'), 1, 'it is rolled up'
);
SELECT is_empty(
    $$ SELECT * FROM agents.usage_differences(
           '00000000-0000-4000-8000-00000000000a', '2026-06-10', '2026-06-11'
       ) $$,
    'then there is no difference'
);
RESET ROLE;

-- A price comes late; and a row that no run stands behind.
UPDATE agents.usage_daily SET input_tokens = NULL, cost_usd = 0 WHERE agent_name = 'clerk';
INSERT INTO agents.usage_daily (
    firm_id, day, agent_name, provider_name, request_model, subject_type, run_count, failure_count,
    unpriced_count, rolled_up_at
)
VALUES (test_support.id('a'), '2026-06-10', 'ghost', '', '', '', 1, 0, 1, now());
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT agent_name, figure, kept, counted FROM agents.usage_differences(
           '00000000-0000-4000-8000-00000000000a', '2026-06-01', '2026-06-11'
       ) $$,
    $$ VALUES
        ('clerk', 'cost_usd', 0::numeric, 0.5::numeric),
        ('clerk', 'input_tokens', NULL, 5),
        ('ghost', 'failure_count', 0, NULL),
        ('ghost', 'run_count', 1, NULL),
        ('ghost', 'unpriced_count', 1, NULL) $$,
    'each figure that differs is told; what is NULL differs from nought'
);
SELECT is_empty(
    $$ SELECT * FROM agents.usage_differences(
           '00000000-0000-4000-8000-00000000000a', '2026-06-11', '2026-06-11'
       ) $$,
    'a span without a day has no differences'
);
SELECT throws_ok(
    $$ SELECT * FROM agents.usage_differences(
           '00000000-0000-4000-8000-00000000000a', '2026-06-10', NULL
       ) $$,
    '22004', 'p_to: no day is given', 'both ends have to be named'
);
SELECT throws_ok(
    $$ SELECT * FROM agents.usage_differences(
           '00000000-0000-4000-8000-00000000000a', NULL, '2026-06-10'
       ) $$,
    '22004', 'p_from: no day is given', 'the first as well'
);
SELECT throws_ok(
    $$ SELECT * FROM agents.usage_differences(
           '00000000-0000-4000-8000-00000000000b', '2026-06-10', '2026-06-11'
       ) $$,
    '42501', NULL, 'a transaction compares one firm'
);

SELECT * FROM finish(true);
ROLLBACK;

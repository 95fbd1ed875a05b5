-- Subject: agents.tool_latency    Docs: docs/schema/agents.md#tool-latency
--
-- Percentiles of the nearest rank.
-- That no firm sees the rows of another is in ../_behaviour/every_view.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

SELECT columns_are(
    'agents', 'tool_latency',
    ARRAY[
        'firm_id', 'day', 'tool_name', 'tool_version', 'call_count', 'p50_ms', 'p95_ms',
        'max_ms', 'total_ms'
    ],
    'the columns are these'
);
SELECT table_privs_are(
    'agents', 'tool_latency', 'muniment_reader', ARRAY['SELECT'],
    'muniment_reader reads it'
);
SELECT table_privs_are(
    'agents', 'tool_latency', 'muniment_app', ARRAY[]::text[],
    'muniment_app has no right to it'
);
SELECT table_privs_are(
    'agents', 'tool_latency', 'muniment_service', ARRAY[]::text[],
    'muniment_service has no right to it'
);
SELECT table_privs_are(
    'agents', 'tool_latency', 'muniment_maintainer', ARRAY[]::text[],
    'muniment_maintainer has no right to it'
);

-- Behaviour -----------------------------------------------------------------

SELECT is_empty($$ SELECT day FROM agents.tool_latency $$, 'no calls, no rows');

SELECT test_support.record_tool('fetch', 'read', 'safe');
SELECT test_support.record_run('a', 'a1', '2026-06-09 12:00:00Z');
SELECT test_support.record_run('b', 'b1', '2026-06-09 12:00:00Z');
-- 10, 20, ... 200 milliseconds after the start, which is a second after the request.
SELECT test_support.record_call(
    'a', '1' || n, 'a1', 'fetch', '2026-06-10 12:00:00Z',
    jsonb_build_object(
        'call_no', n,
        'status', CASE WHEN n = 20 THEN 'timed_out' ELSE 'succeeded' END,
        'started_at', '2026-06-10 12:00:01Z',
        'ended_at', '2026-06-10 12:00:01Z'::timestamptz + n * interval '10 ms'
    )
)
FROM generate_series(1, 20) AS n;
-- Neither has a duration.
SELECT test_support.record_call(
    'a', '31', 'a1', 'fetch', '2026-06-10 12:00:00Z',
    '{"call_no": 31, "status": "running", "ended_at": null}'
);
SELECT test_support.record_call(
    'a', '32', 'a1', 'fetch', '2026-06-10 12:00:00Z',
    '{"call_no": 32, "status": "cancelled", "started_at": null}'
);
-- These ended when the ledger saw that their run or its worker was gone.
SELECT test_support.record_call(
    'a', '3' || n, 'a1', 'fetch', '2026-06-10 12:00:00Z',
    jsonb_build_object(
        'call_no', 30 + n, 'status', status, 'error_type', error_type,
        'started_at', '2026-06-10 12:00:01Z', 'ended_at', '2026-06-10 18:00:00Z'
    )
)
FROM (
    VALUES (3, 'cancelled', 'run_ended'), (4, 'unknown', 'run_ended'), (5, 'failed', 'lease_lost')
) AS lost (n, status, error_type);
-- Half a millisecond more than one, on the last and on the first instant of a day.
SELECT test_support.record_call(
    'a', '4' || n, 'a1', 'fetch', at,
    jsonb_build_object('call_no', 40 + n, 'ended_at', at + interval '1500 us')
)
FROM (
    VALUES
        (1, '2026-06-09 23:59:59.999999Z'::timestamptz),
        (2, '2026-06-11 00:00:00Z')
) AS edge (n, at);
SELECT test_support.record_call('b', '51', 'b1', 'fetch', '2026-06-10 12:00:00Z');

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT day, tool_name, tool_version, call_count, p50_ms, p95_ms, max_ms, total_ms
       FROM agents.tool_latency
       ORDER BY day $$,
    $$ VALUES
        ('2026-06-09'::date, 'fetch', '1', 1::bigint, 2::bigint, 2::bigint, 2::bigint, 2::bigint),
        ('2026-06-10', 'fetch', '1', 20, 100, 190, 200, 2100),
        ('2026-06-11', 'fetch', '1', 1, 2, 2, 2, 2) $$,
    'what the tool ended is measured, well or not, and by the day of the request'
);
SET LOCAL timezone = 'America/New_York';
SELECT is(
    (SELECT call_count FROM agents.tool_latency WHERE day = '2026-06-10'), 20::bigint,
    'a day is one of UTC, whatever the zone of the session'
);

SELECT * FROM finish(true);
ROLLBACK;

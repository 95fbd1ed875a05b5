-- Subject: agents.tool_failure    Docs: docs/schema/agents.md#tool-failure
--
-- Failures, by error, beside all calls of the day.
-- That no firm sees the rows of another is in ../_behaviour/every_view.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

SELECT columns_are(
    'agents', 'tool_failure',
    ARRAY[
        'firm_id', 'day', 'tool_name', 'tool_version', 'error_type', 'failure_count',
        'timeout_count', 'retryable_count', 'call_count', 'last_failure_at'
    ],
    'the columns are these'
);
SELECT table_privs_are(
    'agents', 'tool_failure', 'muniment_reader', ARRAY['SELECT'],
    'muniment_reader reads it'
);
SELECT table_privs_are(
    'agents', 'tool_failure', 'muniment_app', ARRAY[]::text[],
    'muniment_app has no right to it'
);
SELECT table_privs_are(
    'agents', 'tool_failure', 'muniment_service', ARRAY[]::text[],
    'muniment_service has no right to it'
);
SELECT table_privs_are(
    'agents', 'tool_failure', 'muniment_maintainer', ARRAY[]::text[],
    'muniment_maintainer has no right to it'
);

-- Behaviour -----------------------------------------------------------------

SELECT is_empty($$ SELECT day FROM agents.tool_failure $$, 'no calls, no rows');

SELECT test_support.record_tool('fetch', 'read', 'safe');
SELECT test_support.record_tool('store', 'write', 'with_key');
SELECT test_support.record_run('a', 'a1', '2026-06-09 12:00:00Z');
SELECT test_support.record_run('b', 'b1', '2026-06-09 12:00:00Z');
SELECT test_support.record_call(
    'a', 'c' || call_no, 'a1', tool, requested_at, jsonb_build_object(
        'call_no', call_no, 'status', status, 'error_type', error, 'is_error_retryable', retry
    )
)
FROM (
    VALUES
        (1, 'fetch', '2026-06-10 00:00:00Z'::timestamptz, 'failed', 'http_500', true),
        (2, 'fetch', '2026-06-10 23:59:59.999999Z', 'failed', 'http_500', false),
        (3, 'fetch', '2026-06-10 12:00:00Z', 'timed_out', NULL, NULL),
        (4, 'fetch', '2026-06-10 12:00:00Z', 'succeeded', NULL, NULL),
        (5, 'fetch', '2026-06-10 12:00:00Z', 'unknown', 'http_500', true),
        (6, 'store', '2026-06-10 12:00:00Z', 'succeeded', NULL, NULL),
        (7, 'fetch', '2026-06-09 23:59:59.999999Z', 'failed', 'http_404', NULL)
) AS call (call_no, tool, requested_at, status, error, retry);
SELECT test_support.record_call(
    'b', 'd1', 'b1', 'fetch', '2026-06-10 12:00:00Z',
    '{"status": "failed", "error_type": "http_500"}'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT day, tool_name, tool_version, error_type, failure_count, timeout_count,
           retryable_count, call_count, last_failure_at
       FROM agents.tool_failure
       ORDER BY day, error_type $$,
    $$ VALUES
        ('2026-06-09'::date, 'fetch', '1', 'http_404', 1::bigint, 0::bigint, 0::bigint, 1::bigint,
         '2026-06-10 00:00:00.999999Z'::timestamptz),
        ('2026-06-10', 'fetch', '1', 'http_500', 2, 0, 1, 5, '2026-06-11 00:00:00.999999Z'),
        ('2026-06-10', 'fetch', '1', NULL, 1, 1, 0, 5, '2026-06-10 12:00:01Z') $$,
    'failures are counted by error, beside all calls of the version on the day'
);
SET LOCAL timezone = 'America/New_York';
SELECT is(
    (SELECT sum(failure_count) FROM agents.tool_failure WHERE day = '2026-06-10'), 3::numeric,
    'a day is one of UTC, whatever the zone of the session'
);

SELECT * FROM finish(true);
ROLLBACK;

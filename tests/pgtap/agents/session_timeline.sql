-- Subject: agents.session_timeline    Docs: docs/schema/agents.md#session-timeline
--
-- Runs, turns and calls of one conversation, in order.
-- That no firm sees the rows of another is in ../_behaviour/every_view.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

SELECT columns_are(
    'agents', 'session_timeline',
    ARRAY[
        'firm_id', 'session_id', 'happened_at', 'kind', 'turn_no', 'call_no', 'attempt_no',
        'run_id', 'name', 'status', 'error_type', 'ended_at', 'turn_id', 'tool_call_id',
        'preview'
    ],
    'the columns are these'
);
SELECT table_privs_are(
    'agents', 'session_timeline', 'muniment_reader', ARRAY['SELECT'],
    'muniment_reader reads it'
);
SELECT table_privs_are(
    'agents', 'session_timeline', 'muniment_app', ARRAY['SELECT'],
    'muniment_app reads it'
);
SELECT table_privs_are(
    'agents', 'session_timeline', 'muniment_service', ARRAY[]::text[],
    'muniment_service has no right to it'
);
SELECT table_privs_are(
    'agents', 'session_timeline', 'muniment_maintainer', ARRAY[]::text[],
    'muniment_maintainer has no right to it'
);

-- Behaviour -----------------------------------------------------------------

SELECT is_empty($$ SELECT kind FROM agents.session_timeline $$, 'no sessions, no rows');

SELECT test_support.record_tool('fetch', 'read', 'safe');
-- All in one instant, as record_turn() writes what it is not told the times of; across a month.
SELECT test_support.record_turn(
    'a', '71', '51', 1, '2026-05-31 23:59:59Z', repeat('q', 501)
);
SELECT test_support.record_run(
    'a', 'a1', '2026-05-31 23:59:59Z',
    jsonb_build_object('session_id', test_support.id('51'))
);
SELECT test_support.record_turn(
    'a', '72', '51', 2, '2026-05-31 23:59:59Z', 'call',
    jsonb_build_object(
        'role', 'assistant', 'run_id', test_support.id('a1'),
        'run_started_at', '2026-05-31 23:59:59Z', 'content_preview', 'ca'
    )
);
SELECT test_support.record_call(
    'a', 'c' || n, 'a1', 'fetch', '2026-05-31 23:59:59Z',
    jsonb_build_object(
        'call_no', CASE n WHEN 3 THEN 2 ELSE 1 END,
        'attempt_no', CASE n WHEN 2 THEN 2 ELSE 1 END,
        'status', CASE n WHEN 1 THEN 'failed' ELSE 'succeeded' END,
        'error_type', CASE n WHEN 1 THEN 'boom' END,
        'turn_id', test_support.id('72'),
        'args_storage', 'inline', 'args_inline', '{}', 'args_sha256', sha256('{}'), 'args_bytes', 2
    )
)
FROM generate_series(1, 3) AS n;
SELECT test_support.record_turn(
    'a', '73', '51', 3, '2026-06-01 00:00:01Z', 'done', '{"role": "assistant"}'
);
-- A call of which nobody said which turn it is of, a run that failed at once, another session.
SELECT test_support.record_run(
    'a', 'a2', '2026-06-01 00:00:02Z',
    jsonb_build_object(
        'session_id', test_support.id('51'), 'status', 'failed', 'error_type', 'no_model'
    )
);
SELECT test_support.record_call('a', 'c4', 'a2', 'fetch', '2026-06-01 00:00:03Z');
SELECT test_support.record_turn('a', '74', '52', 1, '2026-06-01 00:00:00Z', 'elsewhere');
SELECT test_support.record_run('a', 'a3', '2026-06-01 00:00:00Z');
-- Two turns to which the caller gave one id, and a call that names it.
SELECT test_support.record_turn('a', '76', '53', 1, '2026-06-01 00:00:05Z', 'hello');
SELECT test_support.record_run(
    'a', 'a5', '2026-06-01 00:00:05Z', jsonb_build_object('session_id', test_support.id('53'))
);
SELECT test_support.record_turn(
    'a', '77', '53', turn_no, '2026-06-01 00:00:05Z'::timestamptz + turn_no * interval '1 s', 'hm',
    '{"role": "assistant"}'
)
FROM generate_series(2, 3) AS turn_no;
SELECT test_support.record_call(
    'a', 'c5', 'a5', 'fetch', '2026-06-01 00:00:09Z',
    jsonb_build_object('turn_id', test_support.id('77'))
);
SELECT test_support.record_turn('b', '75', '51', 1, '2026-06-01 00:00:00Z', 'of b');

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT happened_at, kind, turn_no, call_no, attempt_no, right(run_id::text, 2), name, status,
           error_type, right(coalesce(tool_call_id, turn_id)::text, 2), left(preview, 4)
       FROM agents.session_timeline
       WHERE session_id = '00000000-0000-4000-8000-000000000051'
       ORDER BY happened_at, turn_no NULLS FIRST, call_no NULLS FIRST, attempt_no $$,
    $$ VALUES
        ('2026-05-31 23:59:59Z'::timestamptz, 'run', NULL::integer, NULL::integer, NULL::integer,
         'a1', 'clerk', 'succeeded', NULL, NULL, NULL),
        ('2026-05-31 23:59:59Z', 'turn', 1, NULL, NULL, NULL, 'user', 'complete', NULL, '71',
         'qqqq'),
        ('2026-05-31 23:59:59Z', 'turn', 2, NULL, NULL, 'a1', 'assistant', 'complete', NULL, '72',
         'ca'),
        ('2026-05-31 23:59:59Z', 'tool_call', 2, 1, 1, 'a1', 'fetch', 'failed', 'boom', 'c1', '{}'),
        ('2026-05-31 23:59:59Z', 'tool_call', 2, 1, 2, 'a1', 'fetch', 'succeeded', NULL, 'c2',
         '{}'),
        ('2026-05-31 23:59:59Z', 'tool_call', 2, 2, 1, 'a1', 'fetch', 'succeeded', NULL, 'c3',
         '{}'),
        ('2026-06-01 00:00:01Z', 'turn', 3, NULL, NULL, NULL, 'assistant', 'complete', NULL, '73',
         'done'),
        ('2026-06-01 00:00:02Z', 'run', NULL, NULL, NULL, 'a2', 'clerk', 'failed', 'no_model', NULL,
         NULL),
        ('2026-06-01 00:00:03Z', 'tool_call', NULL, 1, 1, 'a2', 'fetch', 'succeeded', NULL, 'c4',
         NULL) $$,
    'it is told in order, even where all happened in one instant'
);
SELECT is(
    (SELECT max(char_length(preview)) FROM agents.session_timeline), 500,
    'of a long message it shows the first 500 characters'
);
SELECT results_eq(
    $$ SELECT turn_no
       FROM agents.session_timeline
       WHERE session_id = '00000000-0000-4000-8000-000000000053'
           AND kind = 'tool_call' $$,
    ARRAY[2],
    'a call is told once, also where two turns have the id that it names'
);
SELECT is(
    (SELECT count(DISTINCT session_id) FROM agents.session_timeline), 3::bigint,
    'a run outside of any conversation is in none'
);

SELECT * FROM finish(true);
ROLLBACK;

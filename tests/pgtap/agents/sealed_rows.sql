-- Subject: agents.sealed_rows()    Docs: docs/schema/agents.md#sealed-rows
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(6);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.sealed_rows' $$,
    $$ VALUES (
        'p_firm_id uuid, p_run_id uuid, p_run_started_at timestamp with time zone',
        'TABLE(place bigint, table_name text, row_id uuid, row_no integer, digest bytea)',
        'stable, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_app, muniment_reader, muniment_service'
    ) $$,
    'what a seal covers, for whoever seals or verifies'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SELECT test_support.record_tool('look', 'read', 'safe');
SELECT test_support.record_turn(
    'a', 'b1', 'a5', 1, '2026-06-15 12:00:00+00', 'before any run'
);
SELECT test_support.record_run(
    'a', 'a1', '2026-06-15 12:00:00+00',
    jsonb_build_object('session_id', test_support.id('a5'))
);
SELECT test_support.record_run('a', 'a2', '2026-06-15 12:00:00+00');
-- Written in another order than that of their numbers; the last is of the month after.
SELECT test_support.record_turn(
    'a', turn, 'a5', no, at, 'said',
    jsonb_build_object('run_id', test_support.id(run), 'run_started_at', '2026-06-15T12:00:00Z')
)
FROM (
    VALUES
        ('b4', 4, 'a1', '2026-07-01 12:00:00+00'::timestamptz),
        ('b2', 2, 'a1', '2026-06-15 12:00:00+00'),
        ('b3', 3, 'a2', '2026-06-15 12:00:00+00')
) AS turn (turn, no, run, at);
SELECT test_support.record_call(
    'a', call, run, 'look', '2026-06-15 12:00:00+00',
    jsonb_build_object('call_no', no, 'attempt_no', attempt)
)
FROM (
    VALUES ('c3', 2, 1, 'a1'), ('c2', 1, 2, 'a1'), ('c1', 1, 1, 'a1'), ('c4', 1, 1, 'a2')
) AS call (call, no, attempt, run);

SELECT results_eq(
    $$ SELECT place, table_name, row_id, row_no
       FROM agents.sealed_rows(
           test_support.id('a'), test_support.id('a1'), '2026-06-15 12:00:00+00'
       ) $$,
    $$ VALUES
        (1::bigint, 'agent_run_key', test_support.id('a1'), NULL::integer),
        (2, 'agent_run', test_support.id('a1'), NULL),
        (3, 'chat_session', test_support.id('a5'), NULL),
        (4, 'chat_turn', test_support.id('b2'), 2),
        (5, 'chat_turn', test_support.id('b4'), 4),
        (6, 'tool_call', test_support.id('c1'), 1),
        (7, 'tool_call', test_support.id('c2'), 1),
        (8, 'tool_call', test_support.id('c3'), 2) $$,
    'key, run, conversation, turns by number and calls by number and attempt, and no other run''s'
);
SELECT set_eq(
    $$ SELECT digest
       FROM agents.sealed_rows(
           test_support.id('a'), test_support.id('a1'), '2026-06-15 12:00:00+00'
       ) $$,
    $$ SELECT agents.agent_run_key_digest(k) FROM agents.agent_run_key AS k
       WHERE run_id = test_support.id('a1')
       UNION ALL
       SELECT agents.agent_run_digest(r) FROM agents.agent_run AS r
       WHERE run_id = test_support.id('a1')
       UNION ALL
       SELECT agents.chat_session_digest(s) FROM agents.chat_session AS s
       UNION ALL
       SELECT agents.chat_turn_digest(t) FROM agents.chat_turn AS t
       WHERE run_id = test_support.id('a1')
       UNION ALL
       SELECT agents.tool_call_digest(c) FROM agents.tool_call AS c
       WHERE run_id = test_support.id('a1') $$,
    'each with its hash'
);
SELECT results_eq(
    $$ SELECT place, table_name
       FROM agents.sealed_rows(
           test_support.id('a'), test_support.id('a2'), '2026-06-15 12:00:00+00'
       ) $$,
    $$ VALUES
        (1::bigint, 'agent_run_key'), (2, 'agent_run'), (3, 'chat_turn'), (4, 'tool_call') $$,
    'a run without a conversation has no place for one'
);
SELECT is_empty(
    $$ SELECT FROM agents.sealed_rows(
           test_support.id('a'), test_support.id('a9'), '2026-06-15 12:00:00+00'
       ) $$,
    'what is not there has no rows'
);
SELECT is_empty(
    $$ SELECT FROM agents.sealed_rows(
           test_support.id('b'), test_support.id('a1'), '2026-06-15 12:00:00+00'
       ) $$,
    'nor has what another firm has'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

-- Subject: agents.append_turn()    Docs: docs/schema/agents.md#append-turn
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.append_turn' $$,
    $$ VALUES (
        'p_firm_id uuid, p_session_id uuid, p_role text, p_content text, p_run_id uuid DEFAULT '
        'NULL::uuid, p_worker_id text DEFAULT NULL::text, p_attempt_no integer DEFAULT '
        'NULL::integer',
        'TABLE(turn_id uuid, turn_no integer, created_at timestamp with time zone)',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app'
    ) $$,
    'agents append a text, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SET LOCAL ROLE muniment_app;
SELECT agents.open_session(test_support.id('a'), test_support.id('a5'));
SELECT agents.start_run(
    test_support.id('a'), 'clerk', p_run_id => test_support.id('a1'), p_worker_id => 'w1'
);
SELECT results_eq(
    $$ SELECT turn_no
       FROM agents.append_turn(test_support.id('a'), test_support.id('a5'), 'user', 'Hello') $$,
    $$ VALUES (1) $$,
    'a text is a turn'
);
SELECT results_eq(
    $$ SELECT turn_no
       FROM agents.append_turn(
           test_support.id('a'), test_support.id('a5'), 'assistant', '"Hi", {"I"} said',
           test_support.id('a1'), 'w1', 1
       ) $$,
    $$ VALUES (2) $$,
    'another is the next'
);
SELECT results_eq(
    $$ SELECT turn_no, role, content_inline, run_id FROM agents.chat_turn ORDER BY turn_no $$,
    $$ VALUES
        (1, 'user', 'Hello', NULL::uuid),
        (2, 'assistant', '"Hi", {"I"} said', test_support.id('a1')) $$,
    'they are written as they are, below a run if one is named'
);
SELECT agents.append_turn(test_support.id('a'), test_support.id('a5'), 'tool', NULL);
SELECT is(
    (SELECT content_storage FROM agents.chat_turn WHERE role = 'tool'),
    NULL,
    'a turn may be without a text'
);
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.append_turn(:a, :a5, 'user', 'Hello', :a1, 'w2', 1) $$,
         'MU102 p_attempt_no: run a1 is at attempt 1 of another worker',
         'another worker says nothing'),
        ($$ SELECT agents.append_turn(:a, :a9, 'user', 'Hello') $$,
         'P0002 p_session_id: session a9 is not there',
         'nothing is said in a session that is not there'),
        ($$ SELECT agents.append_turn(:b, :a5, 'user', 'Hello') $$,
         '42501 the transaction acts for another tenant', 'nobody acts for two firms')
) AS attempt (statement, answer, promise);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

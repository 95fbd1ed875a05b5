-- Subject: agents.append_turns()    Docs: docs/schema/agents.md#append-turns
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(19);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.append_turns' $$,
    $$ VALUES (
        'p_firm_id uuid, p_session_id uuid, p_turns jsonb, p_run_id uuid DEFAULT NULL::uuid, '
        'p_worker_id text DEFAULT NULL::text, p_attempt_no integer DEFAULT NULL::integer',
        'TABLE(turn_id uuid, turn_no integer, created_at timestamp with time zone)',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app'
    ) $$,
    'agents append turns, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SET LOCAL ROLE muniment_app;
SELECT agents.open_session(test_support.id('a'), test_support.id('a5'));
SELECT agents.open_session(test_support.id('a'), test_support.id('a6'));
SELECT agents.close_session(test_support.id('a'), test_support.id('a6'));
SELECT agents.start_run(
    test_support.id('a'), 'clerk', p_run_id => test_support.id('a1'), p_worker_id => 'w1'
);
SELECT agents.start_run(test_support.id('a'), 'clerk', p_run_id => test_support.id('a3'));
SELECT agents.request_cancel(test_support.id('a'), test_support.id('a3'));

SELECT results_eq(
    $$ SELECT turn_no
       FROM agents.append_turns(
           test_support.id('a'), test_support.id('a5'),
           '[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]'
       ) $$,
    $$ VALUES (1), (2) $$,
    'turns are returned in their order'
);
SELECT results_eq(
    $$ SELECT turn_no, role, content_inline, run_id FROM agents.chat_turn ORDER BY turn_no $$,
    $$ VALUES
        (1, 'system', 'Be brief.', NULL::uuid),
        (2, 'user', 'Hello', NULL) $$,
    'and written, below no run if none is named'
);
SELECT agents.append_turns(
    test_support.id('a'), test_support.id('a5'), '[{"role": "assistant", "content": "Hi"}]',
    test_support.id('a1'), 'w1', 1
);
SELECT results_eq(
    $$ SELECT t.turn_no, t.run_id, t.run_started_at = r.started_at, t.created_at >= r.started_at
       FROM agents.chat_turn AS t
       INNER JOIN agents.agent_run AS r ON r.run_id = t.run_id $$,
    $$ VALUES (3, test_support.id('a1'), true, true) $$,
    'below a run they say when it started'
);
SELECT agents.start_run(
    test_support.id('a'), 'clerk', p_run_id => test_support.id('a2'), p_worker_id => 'w1',
    p_started_at => clock_timestamp() + interval '3 minutes'
);
SELECT lives_ok(
    $$ SELECT agents.append_turns(
           test_support.id('a'), test_support.id('a5'), '[{"role": "assistant"}]',
           test_support.id('a2'), 'w1', 1
       ) $$,
    'and below one that was started by a clock that is ahead'
);

SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.append_turns(:a, :a5, '[{"role": "user"}]', :a1, 'w2', 1) $$,
         'MU102 p_attempt_no: run a1 is at attempt 1 of another worker',
         'another worker says nothing'),
        ($$ SELECT agents.append_turns(:a, :a5, '[{"role": "user"}]', :a1) $$,
         'MU102 p_attempt_no: run a1 is at attempt 1 of another worker',
         'who says no worker and no attempt says nothing'),
        ($$ SELECT agents.append_turns(:a, :a5, '[{"role": "user"}]', :a3, NULL, 1) $$,
         'MU101 p_run_id: run a3 has ended as cancelled', 'nothing is said after the end'),
        ($$ SELECT agents.append_turns(:a, :a5, '[{"role": "user"}]', :a9, 'w1', 1) $$,
         'P0002 p_run_id: run a9 is not there', 'nothing is said in a run that is not there'),
        ($$ SELECT agents.append_turns(:a, :a6, '[{"role": "user"}]') $$,
         'MU104 p_session_id: session a6 is closed', 'nothing is said in a closed session'),
        ($$ SELECT agents.append_turns(:a, :a9, '[{"role": "user"}]') $$,
         'P0002 p_session_id: session a9 is not there',
         'nothing is said in a session that is not there'),
        ($$ SELECT agents.append_turns(:a, :a5, '[{"rôle": "user"}]') $$,
         '22023 p_turns[0].rôle: is no key', 'a key that is none is named'),
        ($$ SELECT agents.append_turns(:a, :a5, NULL) $$,
         '22023 p_turns: is not an array of objects', 'NULL is no turn'),
        ($$ SELECT agents.append_turns(:a, :a5, '[{"turn_id": "one"}]') $$,
         '22P02 invalid input syntax for type uuid: "one"', 'a value is of its type'),
        ($$ SELECT agents.append_turns(:a, :a5, '[{"created_at": "9999-01-01Z"}]') $$,
         'MU112 p_turns[0].created_at: 9999-01-01Z lies in the future',
         'nothing is said in the future'),
        ($$ SELECT agents.append_turns(
                :a, :a5, '[{"role": "user", "created_at": "2020-01-01Z"}]'
            ) $$,
         '23514 no partition of relation "chat_turn" found for row',
         'nothing is said in a month that is not there'),
        ($$ SELECT agents.append_turns(:b, :a5, '[{"role": "user"}]') $$,
         '42501 the transaction acts for another tenant', 'nobody acts for two firms'),
        ($$ SET LOCAL app.tenant_id = '';
            SELECT agents.append_turns(:b, :a5, '[{"role": "user"}]') $$,
         'P0002 p_session_id: session a5 is not there', 'what another firm has is not there'),
        ($$ SET LOCAL app.tenant_id = '';
            SELECT agents.append_turns(NULL, :a5, '[{"role": "user"}]') $$,
         '22004 tenant is null', 'somebody has to act')
) AS attempt (statement, answer, promise);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

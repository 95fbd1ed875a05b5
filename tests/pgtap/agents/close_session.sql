-- Subject: agents.close_session()    Docs: docs/schema/agents.md#close-session
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.close_session' $$,
    $$ VALUES (
        'p_firm_id uuid, p_session_id uuid',
        'timestamp with time zone',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app'
    ) $$,
    'agents close sessions, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

SET LOCAL ROLE muniment_app;
SELECT agents.open_session(test_support.id('a'), test_support.id('a5'));
SELECT isnt(
    agents.close_session(test_support.id('a'), test_support.id('a5')),
    NULL,
    'closing a session returns when that was'
);
SELECT results_eq(
    $$ SELECT status, closed_at >= created_at FROM agents.chat_session $$,
    $$ VALUES ('closed', true) $$,
    'and closes it'
);
SELECT is(
    agents.close_session(test_support.id('a'), test_support.id('a5')),
    (SELECT closed_at FROM agents.chat_session),
    'closing it again returns when it was closed first'
);
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.append_turn(:a, :a5, 'user', 'Hello?') $$,
         'MU104 p_session_id: session a5 is closed', 'nothing more is said in it'),
        ($$ SELECT agents.close_session(:a, :a9) $$,
         'P0002 p_session_id: session a9 is not there', 'what is not there is not closed'),
        ($$ SELECT agents.close_session(:b, :a5) $$,
         '42501 the transaction acts for another tenant', 'nobody acts for two firms'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.close_session(:b, :a5) $$,
         'P0002 p_session_id: session a5 is not there', 'what another firm has is not there'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.close_session(NULL, :a5) $$,
         '22004 tenant is null', 'somebody has to act')
) AS attempt (statement, answer, promise);
UPDATE agents.chat_session SET status = 'archived';
SELECT agents.close_session(test_support.id('a'), test_support.id('a5'));
SELECT is(
    (SELECT status FROM agents.chat_session), 'archived', 'what is archived stays archived'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

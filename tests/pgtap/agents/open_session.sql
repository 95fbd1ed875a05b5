-- Subject: agents.open_session()    Docs: docs/schema/agents.md#open-session
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(18);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.open_session' $$,
    $$ VALUES (
        'p_firm_id uuid, p_session_id uuid DEFAULT NULL::uuid, p_idempotency_key text DEFAULT '
        'NULL::text, p_subject_type text DEFAULT NULL::text, p_subject_id text DEFAULT '
        'NULL::text, p_actor_type text DEFAULT NULL::text, p_actor_id text DEFAULT NULL::text, '
        'p_channel text DEFAULT NULL::text, p_title text DEFAULT NULL::text, p_metadata jsonb '
        'DEFAULT ''{}''::jsonb',
        'TABLE(session_id uuid, last_turn_no integer, created_at timestamp with time zone, '
        'is_new boolean)',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app'
    ) $$,
    'agents open sessions, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT session_id, last_turn_no, is_new
       FROM agents.open_session(
           test_support.id('a'), test_support.id('a5'), 'key', 'matter', 'M-1', 'user', 'U-1',
           'web', 'A matter', '{"a": 1}'
       ) $$,
    $$ VALUES (test_support.id('a5'), 0, true) $$,
    'a session is opened by its writer''s id'
);
SELECT results_eq(
    $$ SELECT
           subject_type, subject_id, actor_type, actor_id, channel, title, metadata,
           idempotency_key, status, created_at = now()
       FROM agents.chat_session $$,
    $$ VALUES (
           'matter', 'M-1', 'user', 'U-1', 'web', 'A matter', '{"a": 1}'::jsonb, 'key', 'open',
           true
       ) $$,
    'and holds what was said of it'
);
SELECT results_eq(
    $$ SELECT s.session_id, s.last_turn_no, s.created_at = now(), s.is_new
       FROM agents.open_session(
           test_support.id('a'), p_idempotency_key => 'key', p_subject_type => 'matter',
           p_subject_id => 'M-1', p_actor_type => 'user', p_actor_id => 'U-1', p_channel => 'web',
           p_title => 'Another title', p_metadata => '{"a": 2}'
       ) AS s $$,
    $$ VALUES (test_support.id('a5'), 0, true, false) $$,
    'it is found again by its key, whatever it is called now'
);
SELECT is(
    (SELECT title FROM agents.chat_session),
    'A matter',
    'which does not rename it'
);
SELECT matches(
    (agents.open_session(test_support.id('a'))).session_id::text,
    '^.{14}7',
    'without an id it gets one in the order of time'
);
SELECT is(
    (
        SELECT count(DISTINCT s.session_id)
        FROM generate_series(1, 3) AS one (no)
        CROSS JOIN LATERAL agents.open_session(test_support.id('a'), p_title => no::text) AS s
    ),
    3::bigint,
    'without id and key each is another one'
);
SELECT agents.open_session(test_support.id('a'), test_support.id('a6'));
SELECT is(
    (agents.open_session(test_support.id('a'), test_support.id('a6'))).is_new,
    false,
    'a session without a key is found again by its id'
);
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.open_session(:a, :a7, 'key', 'matter', 'M-1', 'user', 'U-1', 'web') $$,
         'MU113 p_idempotency_key: session a5 is another one',
         'a key does not lead to another id'),
        ($$ SELECT agents.open_session(:a, :a5, 'new', 'matter', 'M-1', 'user', 'U-1', 'web') $$,
         'MU113 p_session_id: session a5 is another one', 'an id does not get another key'),
        ($$ SELECT agents.open_session(:a, :a5, 'key', 'matter', 'M-2', 'user', 'U-1', 'web') $$,
         'MU113 p_session_id: session a5 is another one', 'a session is about one thing'),
        ($$ SELECT agents.open_session(:a, :a5, 'key', 'matter', 'M-1', 'user', 'U-2', 'web') $$,
         'MU113 p_session_id: session a5 is another one', 'a session is of one person'),
        ($$ SELECT agents.open_session(:a, :a5, 'key', 'matter', 'M-1', 'user', 'U-1', 'mail') $$,
         'MU113 p_session_id: session a5 is another one', 'a session is on one channel'),
        ($$ SELECT agents.open_session(:a, :a6, 'key', 'matter', 'M-1', 'user', 'U-1', 'web') $$,
         'MU113 p_idempotency_key: session a5 is another one',
         'a key and an id of two sessions lead to neither'),
        ($$ SELECT agents.open_session(:a, p_subject_type => 'matter') $$,
         '23514 new row for relation "chat_session" violates check constraint '
         '"chat_session_subject_ck"', 'what the table refuses is refused by name'),
        ($$ SELECT agents.open_session(:b) $$, '42501 the transaction acts for another tenant',
         'nobody acts for two firms'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.open_session(:b, :a5, 'key') $$,
         'accepted', 'ids and keys are those of one firm'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.open_session(NULL) $$,
         '22004 tenant is null', 'somebody has to act')
) AS attempt (statement, answer, promise);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

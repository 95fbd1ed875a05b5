-- Subject: agents.guard_chat_session()    Docs: docs/schema/agents.md#guard-chat-session
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(16);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.guard_chat_session' $$,
    $$ VALUES (
        '',
        'trigger',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        NULL::text
    ) $$,
    'a trigger function: it acts with the rights of whoever changes a row, and nobody calls it'
);

-- Behaviour -----------------------------------------------------------------

SELECT set_eq(
    $$ SELECT tgrelid::regclass::text, tgenabled::text,
           substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER) \w+')
       FROM pg_trigger
       WHERE tgname = 'chat_session_guard_tg' $$,
    $$ VALUES ('agents.chat_session', 'O', 'BEFORE UPDATE') $$,
    'it looks at every row that changes'
);

INSERT INTO agents.chat_session (
    firm_id, session_id, status, closed_at, last_turn_no, last_turn_at
)
SELECT
    test_support.id('a'),
    test_support.id(ending),
    status,
    CASE WHEN status <> 'open' THEN now() END,
    3,
    now()
FROM (VALUES ('a1', 'open'), ('a2', 'closed'), ('a3', 'archived')) AS session (ending, status);

SELECT is(
    test_support.answer_to(
        format(
            'UPDATE agents.chat_session SET %s WHERE session_id = %L',
            change, test_support.id(ending)
        )
    ),
    answer,
    promise
)
FROM (
    VALUES
        ('a1', 'last_turn_no = 4', 'accepted', 'an open session goes on'),
        ('a1', 'last_turn_no = 2', 'MU103 session a1: turn 3 is counted already',
         'no session goes back'),
        ('a1', $$ last_turn_no = 4, status = 'closed', closed_at = now() $$, 'accepted',
         'the last turn may close it'),
        ('a1', $$ status = 'archived', closed_at = now() $$, 'accepted',
         'an open session is archived'),
        ('a2', 'last_turn_no = 4', 'MU104 session a2 is closed', 'a closed session does not go on'),
        ('a2', $$ last_turn_no = 4, status = 'open', closed_at = NULL $$,
         'MU104 session a2 is closed', 'not even while it is opened'),
        ('a2', 'last_turn_no = 2', 'MU103 session a2: turn 3 is counted already',
         'a closed session does not go back'),
        ('a2', $$ status = 'open', closed_at = NULL $$, 'accepted', 'a closed session opens again'),
        ('a2', $$ status = 'archived' $$, 'accepted', 'a closed session is archived'),
        ('a2', $$ title = 'Found' $$, 'accepted', 'a closed session gets a title'),
        ('a3', $$ status = 'open', closed_at = NULL $$, 'MU103 session a3 is archived',
         'what is archived does not open'),
        ('a3', $$ status = 'closed' $$, 'MU103 session a3 is archived',
         'what is archived stays archived'),
        ('a3', 'last_turn_no = 4', 'MU104 session a3 is archived',
         'what is archived does not go on'),
        ('a3', $$ title = 'Found' $$, 'accepted', 'what is archived gets a title')
) AS attempt (ending, change, answer, promise);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

-- Subject: open_agents.number_message()    Docs: docs/schema/open_agents.md#number-message
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(17);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'open_agents', 'number_message', ARRAY[]::text[], 'trigger', 'it is a trigger function'
);
SELECT isnt_definer(
    'open_agents', 'number_message', ARRAY[]::text[], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'open_agents', 'number_message', ARRAY[]::text[], 'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'open_agents.number_message()'::regprocedure
    ),
    'search_path=pg_catalog, pg_temp',
    'its search_path is pinned'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO open_agents.accounts (id) VALUES
    ('00000000-0000-4000-8000-00000000000a'), ('00000000-0000-4000-8000-00000000000b');
INSERT INTO open_agents.sessions (account_id, id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 's1'), ('00000000-0000-4000-8000-00000000000b', 's1');
INSERT INTO open_agents.chats (account_id, id, session_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'c1', 's1'),
    ('00000000-0000-4000-8000-00000000000a', 'c2', 's1'),
    ('00000000-0000-4000-8000-00000000000b', 'b1', 's1');

INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'm1', 'c1', 'user', '[]'),
    ('00000000-0000-4000-8000-00000000000a', 'm2', 'c1', 'assistant', '[]'),
    ('00000000-0000-4000-8000-00000000000a', 'm3', 'c2', 'user', '[]'),
    ('00000000-0000-4000-8000-00000000000a', 'm4', 'c1', 'user', '[]');
SELECT results_eq(
    $$ SELECT chat_id, message_no, id FROM open_agents.chat_messages ORDER BY 1, 2 $$,
    $$ VALUES ('c1', 1, 'm1'), ('c1', 2, 'm2'), ('c1', 3, 'm4'), ('c2', 1, 'm3') $$,
    'each chat counts its own messages, without gaps'
);
SELECT results_eq(
    $$ SELECT id, last_message_no FROM open_agents.chats ORDER BY id $$,
    $$ VALUES ('b1', 0), ('c1', 3), ('c2', 1) $$,
    'and knows the number of the last'
);
DELETE FROM open_agents.chat_messages WHERE id IN ('m2', 'm4');
INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'm5', 'c1', 'user', '[]');
SELECT is(
    (SELECT message_no FROM open_agents.chat_messages WHERE id = 'm5'),
    4,
    'the number of a message that was deleted is not given again'
);
INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'm5', 'c1', 'user', '[{"text": "more"}]')
ON CONFLICT (account_id, id) DO UPDATE
SET parts = excluded.parts;
SELECT throws_ok(
    format(
        $$ INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts)
           VALUES ('00000000-0000-4000-8000-00000000000a', 'm5', 'c2', 'user', '[]')
           ON CONFLICT %s $$,
        action
    ),
    'MU400',
    'message m5 is there with another chat',
    promise
)
FROM (
    VALUES
        ('DO NOTHING', 'a message whose id another chat has is not left out without a word'),
        (
            '(account_id, id) DO UPDATE SET parts = excluded.parts',
            'nor written over the one of the other chat'
        )
) AS attempt (action, promise);
SELECT results_eq(
    $$ SELECT message_no, parts FROM open_agents.chat_messages WHERE id = 'm5' $$,
    $$ VALUES (4, '[{"text": "more"}]'::jsonb) $$,
    'a message that is written again stays where it is'
);
SELECT results_eq(
    $$ SELECT id, last_message_no FROM open_agents.chats ORDER BY id $$,
    $$ VALUES ('b1', 0), ('c1', 4), ('c2', 1) $$,
    'and takes no number'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'm6', 'c3', 'user', '[]') $$,
    '23503',
    NULL,
    'without the chat the reference answers'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'm6', 'b1', 'user', '[]') $$,
    '23503',
    NULL,
    'and so it does for a chat of another account'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'open_agents.number_message()'::regprocedure AND grantee <> proowner $$,
    'nobody but the owner has a right to the function'
);
-- The trigger counts for those who have no right to its function.
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ INSERT INTO open_agents.chat_messages (id, chat_id, role, parts)
       VALUES ('m7', 'c2', 'assistant', '[]')
       RETURNING message_no $$,
    $$ VALUES (2) $$,
    'a runtime gets the next number'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts)
       VALUES ('00000000-0000-4000-8000-00000000000b', 'm8', 'b1', 'user', '[]') $$,
    '42501',
    NULL,
    'and writes no message of another account'
);
RESET ROLE;
SET LOCAL ROLE muniment_service;
SELECT results_eq(
    $$ INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts)
       VALUES ('00000000-0000-4000-8000-00000000000b', 'm8', 'b1', 'user', '[]')
       RETURNING message_no $$,
    $$ VALUES (1) $$,
    'the backend gets the next number of any chat'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

-- Subject: open_agents.append_message()    Docs: docs/schema/open_agents.md#append-message
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(22);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'open_agents', 'append_message', ARRAY['text', 'text', 'text', 'jsonb'],
    'integer', 'it returns the number of the message'
);
SELECT volatility_is(
    'open_agents', 'append_message', ARRAY['text', 'text', 'text', 'jsonb'], 'volatile', 'it writes'
);
SELECT isnt_definer(
    'open_agents', 'append_message', ARRAY['text', 'text', 'text', 'jsonb'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'open_agents', 'append_message', ARRAY['text', 'text', 'text', 'jsonb'],
    'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'open_agents.append_message(text, text, text, jsonb)'::regprocedure
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

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT open_agents.append_message('c1', 'm1', 'user', '[]') $$,
    '42501',
    'tenant is not set',
    'without a tenant it does nothing'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(
    open_agents.append_message('c1', 'm1', 'user', '[{"text": "Hello"}]'),
    1,
    'the first message of a chat is number 1'
);
SELECT is(
    open_agents.append_message('c1', 'm2', 'assistant', '[]'), 2, 'the next one is number 2'
);
SELECT is(
    open_agents.append_message('c2', 'm3', 'user', '[]'), 1, 'another chat counts for itself'
);
SELECT is(
    open_agents.append_message('c1', 'm1', 'user', '[{"text": "Hello"}]'),
    1,
    'the same message again has the number that it had'
);
SELECT results_eq(
    $$ SELECT account_id, id, chat_id, message_no, role, parts
       FROM open_agents.chat_messages
       ORDER BY id $$,
    $$ VALUES
        (
            '00000000-0000-4000-8000-00000000000a'::uuid, 'm1', 'c1', 1, 'user',
            '[{"text": "Hello"}]'::jsonb
        ),
        ('00000000-0000-4000-8000-00000000000a', 'm2', 'c1', 2, 'assistant', '[]'),
        ('00000000-0000-4000-8000-00000000000a', 'm3', 'c2', 1, 'user', '[]') $$,
    'and is there once'
);
SELECT throws_ok(
    format('SELECT open_agents.append_message(%L, %L, %L, %L)', chat, 'm1', role, parts),
    'MU400',
    format('message m1 is there with another %s', found),
    format('an id is not taken for another message: %s', what)
)
FROM (
    VALUES
        ('c2', 'user', '[{"text": "Hello"}]', 'chat', 'chat'),
        ('c1', 'assistant', '[{"text": "Hello"}]', 'chat, role or parts', 'role'),
        ('c1', 'user', '[]', 'chat, role or parts', 'parts')
) AS attempt (chat, role, parts, found, what);
SELECT throws_ok(
    format('SELECT open_agents.append_message(%L, %L, %L, %L)', chat, 'm9', role, parts),
    state,
    NULL,
    promise
)
FROM (
    VALUES
        ('c9', 'user', '[]', '23503', 'a chat that is not there takes no message'),
        ('b1', 'user', '[]', '23503', 'nor does one of another account, with the same answer'),
        ('c1', 'system', '[]', '23514', 'nobody else speaks'),
        ('c1', 'user', '{}', '23514', 'parts are an array'),
        ('c1', 'user', NULL, '23502', 'something is said')
) AS attempt (chat, role, parts, state, promise);
SELECT is(
    open_agents.append_message('c1', 'm4', 'user', '[]'), 3, 'what was refused took no number'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'open_agents.append_message(text, text, text, jsonb)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES
        ('muniment_app', 'EXECUTE', false) $$,
    'runtimes may call it'
);
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT open_agents.append_message('c1', 'm5', 'user', '[]') $$,
    '42501',
    'permission denied for function append_message',
    'a reader says nothing'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

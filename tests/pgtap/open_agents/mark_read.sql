-- Subject: open_agents.mark_read()    Docs: docs/schema/open_agents.md#mark-read
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(25);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'open_agents', 'mark_read', ARRAY['text', 'integer'],
    'integer', 'it returns up to where the chat is read'
);
SELECT volatility_is('open_agents', 'mark_read', ARRAY['text', 'integer'], 'volatile', 'it writes');
SELECT isnt_definer(
    'open_agents', 'mark_read', ARRAY['text', 'integer'], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'open_agents', 'mark_read', ARRAY['text', 'integer'], 'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'open_agents.mark_read(text, integer)'::regprocedure
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
    ('00000000-0000-4000-8000-00000000000a', 'm3', 'c1', 'user', '[]'),
    ('00000000-0000-4000-8000-00000000000a', 'm4', 'c1', 'assistant', '[]'),
    ('00000000-0000-4000-8000-00000000000a', 'm5', 'c2', 'user', '[]'),
    ('00000000-0000-4000-8000-00000000000b', 'm1', 'b1', 'assistant', '[]');

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT open_agents.mark_read('c1') $$,
    '42501',
    'tenant is not set',
    'without a tenant it does nothing'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(open_agents.mark_read('c1', 2), 2, 'a chat is read up to a message');
SELECT is(open_agents.mark_read('c1', 1), 2, 'the marker does not go back');
SELECT is(open_agents.mark_read('c1'), 4, 'without a number all is read');
SELECT is(open_agents.mark_read('c2', 99), 1, 'what is to come is not read yet');
SELECT results_eq(
    $$ SELECT account_id, chat_id, last_read_message_no, last_read_at
       FROM open_agents.chat_reads
       ORDER BY chat_id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000a'::uuid, 'c1', 4, now()),
        ('00000000-0000-4000-8000-00000000000a', 'c2', 1, now()) $$,
    'the markers are kept, with their time'
);
SELECT throws_ok(
    format('SELECT open_agents.mark_read(%L, %L)', chat, number), state, NULL, promise
)
FROM (
    VALUES
        ('c9', NULL, '23503', 'a chat that is not there is not read'),
        ('c9', 1, '23503', 'not even in part'),
        ('b1', NULL, '23503', 'nor is one of another account, with the same answer'),
        ('c1', -1, '23514', 'nobody has read less than nothing'),
        (NULL, 1, '23502', 'nor what is in no chat')
) AS attempt (chat, number, state, promise);
RESET ROLE;
UPDATE open_agents.chat_reads SET last_read_at = '2026-06-10 12:00+00';
SET LOCAL ROLE muniment_app;
SELECT is(open_agents.mark_read('c1', 3), 4, 'a window that is behind changes nothing');
SELECT results_eq(
    $$ SELECT last_read_at FROM open_agents.chat_reads WHERE chat_id = 'c1' $$,
    $$ VALUES ('2026-06-10 12:00+00'::timestamptz) $$,
    'not even the time'
);
SELECT is(open_agents.mark_read('c1', 4), 4, 'nor does one that is as far');
SELECT results_eq(
    $$ SELECT last_read_at FROM open_agents.chat_reads WHERE chat_id = 'c1' $$,
    $$ VALUES ('2026-06-10 12:00+00'::timestamptz) $$,
    'and it was read then'
);
SELECT is(open_agents.append_message('c1', 'm6', 'assistant', '[]'), 5, 'what is said since');
SELECT is(open_agents.mark_read('c1'), 5, 'is read');
SELECT results_eq(
    $$ SELECT last_read_at FROM open_agents.chat_reads WHERE chat_id = 'c1' $$,
    $$ VALUES (now()) $$,
    'now'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'open_agents.mark_read(text, integer)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES
        ('muniment_app', 'EXECUTE', false) $$,
    'runtimes may call it'
);
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT open_agents.mark_read('c1') $$,
    '42501',
    'permission denied for function mark_read',
    'a reader leaves no mark'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

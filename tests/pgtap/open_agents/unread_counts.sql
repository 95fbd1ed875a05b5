-- Subject: open_agents.unread_counts()    Docs: docs/schema/open_agents.md#unread-counts
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'open_agents', 'unread_counts', ARRAY[]::text[], 'setof record', 'it returns chats'
);
SELECT volatility_is('open_agents', 'unread_counts', ARRAY[]::text[], 'stable', 'it only reads');
SELECT isnt_definer(
    'open_agents', 'unread_counts', ARRAY[]::text[], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'open_agents', 'unread_counts', ARRAY[]::text[], 'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'open_agents.unread_counts()'::regprocedure
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
    $$ SELECT * FROM open_agents.unread_counts() $$,
    '42501',
    'tenant is not set',
    'without a tenant there is no answer, not an empty one'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT results_eq(
    $$ SELECT session_id, chat_id, unread_count FROM open_agents.unread_counts() $$,
    $$ VALUES ('s1', 'c1', 2) $$,
    'without a marker all that the assistant said is unread, and what the account said is not'
);
INSERT INTO open_agents.chat_reads (account_id, chat_id, last_read_message_no) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'c1', 2);
SELECT results_eq(
    $$ SELECT chat_id, unread_count FROM open_agents.unread_counts() $$,
    $$ VALUES ('c1', 1) $$,
    'what is up to the marker was read'
);
UPDATE open_agents.chat_reads SET last_read_message_no = 4;
SELECT is_empty(
    $$ SELECT * FROM open_agents.unread_counts() $$, 'a chat that was read is left out'
);
INSERT INTO open_agents.chat_messages (id, chat_id, role, parts) VALUES
    ('m6', 'c1', 'assistant', '[]'), ('m7', 'c2', 'assistant', '[]');
SELECT set_eq(
    $$ SELECT chat_id, unread_count FROM open_agents.unread_counts() $$,
    $$ VALUES ('c1', 1), ('c2', 1) $$,
    'what is said later is unread'
);
DELETE FROM open_agents.chat_messages WHERE id = 'm6';
SELECT results_eq(
    $$ SELECT chat_id, unread_count FROM open_agents.unread_counts() $$,
    $$ VALUES ('c2', 1) $$,
    'what was deleted is not'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'open_agents.unread_counts()'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES
        ('muniment_app', 'EXECUTE', false),
        ('muniment_reader', 'EXECUTE', false) $$,
    'those who act for one account may ask'
);
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT chat_id, unread_count FROM open_agents.unread_counts() $$,
    $$ VALUES ('c2', 1) $$,
    'a reader gets the same answer'
);
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    $$ SELECT * FROM open_agents.unread_counts() $$,
    '42501',
    'permission denied for function unread_counts',
    'who serves all accounts has none to ask for'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

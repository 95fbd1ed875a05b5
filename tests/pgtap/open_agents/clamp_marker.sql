-- Subject: open_agents.clamp_marker()    Docs: docs/schema/open_agents.md#clamp-marker
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(11);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'open_agents', 'clamp_marker', ARRAY[]::text[], 'trigger', 'it is a trigger function'
);
SELECT isnt_definer(
    'open_agents', 'clamp_marker', ARRAY[]::text[], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'open_agents', 'clamp_marker', ARRAY[]::text[], 'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'open_agents.clamp_marker()'::regprocedure
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
    ('00000000-0000-4000-8000-00000000000b', 'b1', 's1');
INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'm1', 'c1', 'user', '[]'),
    ('00000000-0000-4000-8000-00000000000a', 'm2', 'c1', 'assistant', '[]');

INSERT INTO open_agents.chat_reads (account_id, chat_id, last_read_message_no) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'c1', 2147483647);
SELECT is(
    (SELECT last_read_message_no FROM open_agents.chat_reads),
    2,
    'a marker beyond the last message is at the last message'
);
INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'm3', 'c1', 'assistant', '[]');
UPDATE open_agents.chat_reads SET last_read_message_no = 4;
SELECT is(
    (SELECT last_read_message_no FROM open_agents.chat_reads), 3, 'also when it is moved'
);
UPDATE open_agents.chat_reads SET last_read_message_no = 1;
SELECT is(
    (SELECT last_read_message_no FROM open_agents.chat_reads),
    1,
    'one that is not stays where it was put, even if that is further back'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.chat_reads (account_id, chat_id, last_read_message_no)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'c9', 1) $$,
    '23503',
    NULL,
    'without the chat the reference answers'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'open_agents.clamp_marker()'::regprocedure AND grantee <> proowner $$,
    'nobody but the owner has a right to the function'
);
-- The trigger binds those who have no right to its function.
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
UPDATE open_agents.chat_reads SET last_read_message_no = 2147483647;
SELECT is(
    (SELECT last_read_message_no FROM open_agents.chat_reads),
    3,
    'a runtime has not read what is to come'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.chat_reads (account_id, chat_id, last_read_message_no)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'b1', 1) $$,
    '23503',
    NULL,
    'nor what another account has, which answers like what is not there'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

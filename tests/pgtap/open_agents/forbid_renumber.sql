-- Subject: open_agents.forbid_renumber()    Docs: docs/schema/open_agents.md#forbid-renumber
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'open_agents', 'forbid_renumber', ARRAY[]::text[], 'trigger', 'it is a trigger function'
);
SELECT isnt_definer(
    'open_agents', 'forbid_renumber', ARRAY[]::text[], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'open_agents', 'forbid_renumber', ARRAY[]::text[], 'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'open_agents.forbid_renumber()'::regprocedure
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

SELECT is(current_setting('is_superuser'), 'on', 'what follows is refused to a superuser');
SELECT throws_ok(
    $$ UPDATE open_agents.chats SET last_message_no = 2 WHERE id = 'c1' $$,
    'MU401',
    'last_message_no of chat c1 cannot go from 0 to 2',
    'the count does not jump'
);
SELECT throws_ok(
    $$ UPDATE open_agents.chats SET last_message_no = -1 WHERE id = 'c1' $$,
    'MU401',
    'last_message_no of chat c1 cannot go from 0 to -1',
    'nor does it go back'
);
SELECT throws_ok(
    $$ UPDATE open_agents.chats SET last_message_no = 1 WHERE id = 'c1' $$,
    'MU401',
    'last_message_no of chat c1 cannot go from 0 to 1',
    'nor one further by itself'
);
SELECT lives_ok(
    $$ INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'm1', 'c1', 'user', '[]') $$,
    'but with a message'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'open_agents.forbid_renumber()'::regprocedure AND grantee <> proowner $$,
    'nobody but the owner has a right to the function'
);
-- The trigger binds those who have no right to its function.
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ UPDATE open_agents.chats SET last_message_no = 0 WHERE id = 'c1' $$,
    'MU401',
    NULL,
    'a runtime does not wind the count back'
);
SELECT throws_ok(
    $$ UPDATE open_agents.chats SET last_message_no = last_message_no + 1 WHERE id = 'c1' $$,
    'MU401',
    NULL,
    'nor on'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

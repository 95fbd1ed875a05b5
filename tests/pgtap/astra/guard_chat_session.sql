-- Subject: astra.guard_chat_session()    Docs: docs/schema/astra.md#guard-chat-session
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'guard_chat_session', '{}'::text[], 'trigger',
    'it is for triggers'
);
SELECT volatility_is('astra', 'guard_chat_session', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer(
    'astra', 'guard_chat_session', '{}'::text[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'guard_chat_session', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.users (org_id, id, email)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011',
    'ann@example.org');
INSERT INTO astra.agents (org_id, id, name, chat_capable) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'quiet',
     false),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'open', true);

SELECT throws_ok(
    $$ INSERT INTO astra.chat_sessions (org_id, agent_id, user_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
           '00000000-0000-4000-8000-000000000011') $$,
    'MU420',
    'agent_id 00000000-0000-4000-8000-000000000031: the agent does not chat',
    'an agent that does not chat gets no session'
);
SELECT throws_ok(
    $$ INSERT INTO astra.chat_sessions (org_id, agent_id, user_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000ee',
           '00000000-0000-4000-8000-000000000011') $$,
    '23503',
    NULL,
    'one that is not there is left to the reference'
);
SELECT lives_ok(
    $$ INSERT INTO astra.chat_sessions (org_id, agent_id, user_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032',
           '00000000-0000-4000-8000-000000000011') $$,
    'one that chats does'
);
UPDATE astra.agents SET chat_capable = false;
SELECT isnt_empty($$ SELECT FROM astra.chat_sessions $$, 'and keeps it when it chats no longer');

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.guard_chat_session()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

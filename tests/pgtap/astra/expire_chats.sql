-- Subject: astra.expire_chats()    Docs: docs/schema/astra.md#expire-chats
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(17);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'expire_chats', ARRAY['integer'], 'bigint', 'it returns bigint');
SELECT volatility_is('astra', 'expire_chats', ARRAY['integer'], 'volatile', 'it writes or locks');
SELECT isnt_definer(
    'astra', 'expire_chats', ARRAY['integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'expire_chats', ARRAY['integer'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.users (org_id, id, email) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011',
     'ann@example.org'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000012',
     'bob@example.org');
INSERT INTO astra.agents (org_id, id, name, chat_capable) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'open', true),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000032', 'theirs',
     true);
INSERT INTO astra.chat_sessions (org_id, id, agent_id, user_id, retention_days) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1',
     '00000000-0000-4000-8000-000000000031', '00000000-0000-4000-8000-000000000011', 7),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a2',
     '00000000-0000-4000-8000-000000000031', '00000000-0000-4000-8000-000000000011', NULL),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000a3',
     '00000000-0000-4000-8000-000000000032', '00000000-0000-4000-8000-000000000012', 30);
INSERT INTO astra.chat_messages (org_id, session_id, role, content, created_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'user', 'old',
     now() - interval '8 days'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'user',
     'older', now() - interval '9 days'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'user', 'new',
     now() - interval '6 days'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'user',
     'to the moment', now() - interval '168 hours'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a2', 'user', 'kept',
     now() - interval '8 years'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000a3', 'user',
     'theirs, old', now() - interval '31 days'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000a3', 'user',
     'theirs, new', now() - interval '8 days');

SET LOCAL ROLE muniment_service;
SELECT is(astra.expire_chats(1), 1::bigint, 'so many at a time are deleted');
SELECT is(astra.expire_chats(), 2::bigint, 'then the rest');
RESET ROLE;
SELECT set_eq(
    $$ SELECT content FROM astra.chat_messages $$,
    ARRAY['new', 'to the moment', 'kept', 'theirs, new'],
    'what is older than its session keeps is gone, whosever it was'
);
SELECT is(
    (SELECT count(*) FROM astra.chat_sessions), 3::bigint, 'the sessions themselves stay'
);

-- Another organisation has the same ids, and keeps for ever what is old.
INSERT INTO astra.chat_sessions (org_id, id, agent_id, user_id)
VALUES ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000a1',
    '00000000-0000-4000-8000-000000000032', '00000000-0000-4000-8000-000000000012');
INSERT INTO astra.chat_messages (org_id, id, session_id, role, content, created_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000b1',
     '00000000-0000-4000-8000-0000000000a1', 'user', 'mine', now() - interval '8 days'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000b1',
     '00000000-0000-4000-8000-0000000000a1', 'user', 'theirs', now() - interval '8 days'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000b2',
     '00000000-0000-4000-8000-0000000000a1', 'user', 'theirs', now() - interval '9 days');
SET LOCAL ROLE muniment_service;
SELECT is(astra.expire_chats(), 1::bigint, 'of one id in two organisations, it is the one due');
RESET ROLE;
SELECT is(
    (SELECT count(*) FROM astra.chat_messages WHERE content = 'theirs'), 2::bigint,
    'and the other stays'
);

-- Whenever this runs, clocks have changed between now and some of these ages.
INSERT INTO astra.chat_sessions (org_id, agent_id, user_id, retention_days)
SELECT
    '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
    '00000000-0000-4000-8000-000000000011', days
FROM generate_series(30, 330, 30) AS days;
INSERT INTO astra.chat_messages (org_id, session_id, role, content, created_at)
SELECT
    s.org_id, s.id, 'user', kept.word,
    now() - s.retention_days * interval '24 hours' + kept.difference
FROM astra.chat_sessions AS s
CROSS JOIN (
    VALUES ('over', interval '-30 minutes'), ('not over', interval '30 minutes')
) AS kept (word, difference)
WHERE s.retention_days >= 30
    AND s.id <> '00000000-0000-4000-8000-0000000000a3';
SET LOCAL ROLE muniment_service;
SAVEPOINT here;
SET LOCAL TIME ZONE 'Europe/Berlin';
SELECT is(astra.expire_chats(), 11::bigint, 'a day has 24 hours, whatever clocks did in Berlin');
ROLLBACK TO here;
SET LOCAL TIME ZONE 'America/New_York';
SELECT is(astra.expire_chats(), 11::bigint, 'or in New York');
RESET ROLE;
SELECT is_empty(
    $$ SELECT FROM astra.chat_messages WHERE content = 'over' $$, 'and it is those that are over'
);
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT astra.expire_chats(%s)', p_limit),
    '22023',
    'p_limit is not a number of messages',
    format('%s is not a number of them', p_limit)
)
FROM unnest(ARRAY['0', '-1', 'NULL']) AS p_limit;

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.expire_chats(integer)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'only who works across tenants may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: astra.expire_memories()    Docs: docs/schema/astra.md#expire-memories
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(13);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'expire_memories', ARRAY['integer'], 'bigint',
    'it returns bigint'
);
SELECT volatility_is(
    'astra', 'expire_memories', ARRAY['integer'], 'volatile',
    'it writes or locks'
);
SELECT isnt_definer(
    'astra', 'expire_memories', ARRAY['integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'expire_memories', ARRAY['integer'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000032', 'theirs');
INSERT INTO astra.memories (org_id, agent_id, memory_type, content, expires_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'episodic',
     'long ago', now() - interval '2 days'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'episodic',
     'just now', now()),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000032', 'episodic',
     'theirs', now() - interval '1 day'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'episodic',
     'soon', now() + interval '1 second'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'episodic',
     'never', NULL);

SET LOCAL ROLE muniment_service;
SELECT is(astra.expire_memories(2), 2::bigint, 'so many at a time are forgotten');
RESET ROLE;
SELECT set_eq(
    $$ SELECT content FROM astra.memories $$,
    ARRAY['just now', 'soon', 'never'],
    'those due longest first, whosever they are'
);
SET LOCAL ROLE muniment_service;
SELECT is(astra.expire_memories(), 1::bigint, 'then the rest');
RESET ROLE;
SELECT set_eq(
    $$ SELECT content FROM astra.memories $$,
    ARRAY['soon', 'never'],
    'and nothing whose time has not come'
);
UPDATE astra.memories SET id = '00000000-0000-4000-8000-000000000091' WHERE content = 'soon';
INSERT INTO astra.memories (org_id, id, agent_id, memory_type, content, expires_at)
VALUES ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000091',
    '00000000-0000-4000-8000-000000000032', 'episodic', 'theirs', now());
SET LOCAL ROLE muniment_service;
SELECT is(
    astra.expire_memories(), 1::bigint, 'of one id in two organisations, it is the one that is due'
);
SELECT throws_ok(
    format('SELECT astra.expire_memories(%s)', p_limit),
    '22023',
    'p_limit is not a number of memories',
    format('%s is not a number of them', p_limit)
)
FROM unnest(ARRAY['0', '-1', 'NULL']) AS p_limit;

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.expire_memories(integer)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'only who works across tenants may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

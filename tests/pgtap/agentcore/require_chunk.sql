-- Subject: agentcore.require_chunk()    Docs: docs/schema/agentcore.md#require-chunk
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(7);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'require_chunk', '{}'::name[], 'trigger',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'require_chunk', '{}'::name[], 'volatile',
    'it is asked for every row'
);
SELECT isnt_definer(
    'agentcore', 'require_chunk', '{}'::name[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'require_chunk', '{}'::name[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

CREATE TEMPORARY TABLE hit (chunk_id uuid);
CREATE TRIGGER hit_tg
    BEFORE INSERT ON hit
    FOR EACH ROW WHEN (NEW.chunk_id IS NULL)
    EXECUTE FUNCTION agentcore.require_chunk();
SELECT throws_like(
    $$ INSERT INTO hit VALUES (NULL) $$,
    '%.hit: chunk_id is null',
    'not even a superuser enters a row without a chunk'
);
SELECT lives_ok($$ INSERT INTO hit VALUES (gen_random_uuid()) $$, 'but what the trigger lets pass');

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.require_chunk()'::regprocedure
           AND grantee <> proowner $$,
    'nobody calls it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

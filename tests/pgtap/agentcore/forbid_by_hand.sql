-- Subject: agentcore.forbid_by_hand()    Docs: docs/schema/agentcore.md#forbid-by-hand
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'forbid_by_hand', '{}'::name[], 'trigger',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'forbid_by_hand', '{}'::name[], 'volatile',
    'it looks at who writes the row'
);
SELECT isnt_definer(
    'agentcore', 'forbid_by_hand', '{}'::name[],
    'it acts with the rights of its caller, at whom it looks'
);
SELECT function_owner_is(
    'agentcore', 'forbid_by_hand', '{}'::name[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

CREATE TEMPORARY TABLE guarded (value text);
GRANT INSERT ON guarded TO muniment_app, muniment_owner;
CREATE TRIGGER guarded_tg
    BEFORE INSERT ON guarded
    FOR EACH ROW WHEN (NEW.value = 'earned')
    EXECUTE FUNCTION agentcore.forbid_by_hand();
SET LOCAL ROLE muniment_app;
SELECT throws_like(
    $$ INSERT INTO guarded VALUES ('earned') $$,
    '%.guarded: these values are not written by hand',
    'a runtime does not write what functions write'
);
SELECT lives_ok($$ INSERT INTO guarded VALUES ('other') $$, 'but what the trigger lets pass');
SET LOCAL ROLE muniment_owner;
SELECT lives_ok($$ INSERT INTO guarded VALUES ('earned') $$, 'the owner does');

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.forbid_by_hand()'::regprocedure
           AND grantee <> proowner $$,
    'nobody calls it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

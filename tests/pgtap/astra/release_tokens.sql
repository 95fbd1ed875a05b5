-- Subject: astra.release_tokens()    Docs: docs/schema/astra.md#release-tokens
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'release_tokens', ARRAY['uuid'], 'boolean', 'it returns boolean');
SELECT volatility_is('astra', 'release_tokens', ARRAY['uuid'], 'volatile', 'it writes or locks');
SELECT isnt_definer(
    'astra', 'release_tokens', ARRAY['uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'release_tokens', ARRAY['uuid'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000032', 'theirs');
INSERT INTO astra.token_reservations (org_id, id, agent_id, tokens) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000071',
     '00000000-0000-4000-8000-000000000031', 60),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000072',
     '00000000-0000-4000-8000-000000000032', 60);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT astra.release_tokens('00000000-0000-4000-8000-000000000071') $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is given back'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(
    astra.release_tokens('00000000-0000-4000-8000-000000000071'), true,
    'a reservation is given back'
);
SELECT is(astra.release_tokens('00000000-0000-4000-8000-000000000071'), false, 'once');
SELECT is(
    astra.release_tokens('00000000-0000-4000-8000-000000000072'), false,
    'and not that of another organisation'
);
SELECT results_eq(
    $$ SELECT tokens_used, tokens_reserved FROM astra.agent_daily_usage $$,
    $$ VALUES (0::bigint, 0::bigint) $$,
    'nothing of it is left'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.release_tokens(uuid)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

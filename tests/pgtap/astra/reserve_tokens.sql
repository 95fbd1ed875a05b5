-- Subject: astra.reserve_tokens()    Docs: docs/schema/astra.md#reserve-tokens
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'reserve_tokens', ARRAY['uuid', 'bigint'], 'uuid',
    'it returns uuid'
);
SELECT volatility_is(
    'astra', 'reserve_tokens', ARRAY['uuid', 'bigint'], 'volatile',
    'it writes or locks'
);
SELECT isnt_definer(
    'astra', 'reserve_tokens', ARRAY['uuid', 'bigint'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'reserve_tokens', ARRAY['uuid', 'bigint'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name, daily_token_budget) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner',
     100),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000032', 'theirs', 100);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT astra.reserve_tokens('00000000-0000-4000-8000-000000000031', 1) $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is reserved'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format('SELECT astra.reserve_tokens(%L, 1)', id),
    'P0002',
    format('p_agent_id %s: no such agent', id),
    promise
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-0000000000ee', 'nobody reserves for no agent'),
        ('00000000-0000-4000-8000-000000000032', 'nor for one of another organisation')
) AS attempt (id, promise);
SELECT throws_ok(
    $$ SELECT astra.reserve_tokens('00000000-0000-4000-8000-000000000031', 0) $$,
    '23514', NULL, 'or no tokens'
);
SELECT lives_ok(
    $$ SELECT astra.reserve_tokens('00000000-0000-4000-8000-000000000031', 100) $$,
    'all of the budget can be reserved'
);
SELECT results_eq(
    $$ SELECT agent_id, tokens FROM astra.token_reservations $$,
    $$ VALUES ('00000000-0000-4000-8000-000000000031'::uuid, 100::bigint) $$,
    'and it is on record'
);
SELECT throws_ok(
    $$ SELECT astra.reserve_tokens('00000000-0000-4000-8000-000000000031', 1) $$,
    'MU415',
    NULL,
    'the budget is not exceeded by one token'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.reserve_tokens(uuid, bigint)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

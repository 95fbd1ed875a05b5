-- Subject: astra.forbid_by_hand()    Docs: docs/schema/astra.md#forbid-by-hand
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'forbid_by_hand', '{}'::text[], 'trigger', 'it is for triggers');
SELECT volatility_is('astra', 'forbid_by_hand', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer(
    'astra', 'forbid_by_hand', '{}'::text[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'forbid_by_hand', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name, daily_token_budget)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner',
    10);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
INSERT INTO astra.token_reservations (org_id, agent_id, tokens)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 10);
SELECT throws_ok(
    $$ UPDATE astra.agent_daily_usage SET tokens_reserved = 0 $$,
    'MU419',
    'astra.agent_daily_usage is written by triggers: update by hand refused',
    'a runtime does not write what triggers count, although its statements do'
);
SELECT throws_ok(
    $$ INSERT INTO astra.agent_daily_usage (org_id, agent_id, usage_date)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
           '2026-06-01') $$,
    'MU419',
    'astra.agent_daily_usage is written by triggers: insert by hand refused',
    'nor adds to it'
);
RESET ROLE;
SET LOCAL ROLE muniment_owner;
GRANT UPDATE ON astra.agent_daily_usage TO muniment_owner;
SELECT throws_ok(
    $$ UPDATE astra.agent_daily_usage SET tokens_reserved = 0 $$,
    'MU419',
    NULL,
    'nor does the owner'
);
RESET ROLE;
SELECT lives_ok(
    $$ UPDATE astra.agent_daily_usage SET tokens_reserved = 0 $$,
    'a superuser may, to repair'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.forbid_by_hand()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

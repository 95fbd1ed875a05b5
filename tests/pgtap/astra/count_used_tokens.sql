-- Subject: astra.count_used_tokens()    Docs: docs/schema/astra.md#count-used-tokens
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(6);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'count_used_tokens', '{}'::text[], 'trigger',
    'it is for triggers'
);
SELECT volatility_is('astra', 'count_used_tokens', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer(
    'astra', 'count_used_tokens', '{}'::text[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'count_used_tokens', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name, daily_token_budget) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner', 10);
INSERT INTO astra.llm_usage (org_id, agent_id, model, tokens_in, tokens_out, created_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'm',
     2000000000, 2000000000, '2026-06-01 23:59+00'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'm', 3, 4,
     '2026-06-02 01:30+02'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'm', 5, 6,
     '2026-06-02 02:30+02');

SELECT results_eq(
    $$ SELECT usage_date, tokens_used FROM astra.agent_daily_usage ORDER BY usage_date $$,
    $$ VALUES ('2026-06-01'::date, 4000000007), ('2026-06-02', 11) $$,
    'tokens in and out are counted, on their day in UTC, even above the budget'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.count_used_tokens()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

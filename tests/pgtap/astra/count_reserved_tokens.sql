-- Subject: astra.count_reserved_tokens()    Docs: docs/schema/astra.md#count-reserved-tokens
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'count_reserved_tokens', '{}'::text[], 'trigger',
    'it is for triggers'
);
SELECT volatility_is(
    'astra', 'count_reserved_tokens', '{}'::text[], 'volatile',
    'it writes or locks'
);
SELECT isnt_definer(
    'astra', 'count_reserved_tokens', '{}'::text[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'count_reserved_tokens', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name, daily_token_budget) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'bounded',
     100),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'free', NULL);

SELECT throws_ok(
    $$ INSERT INTO astra.token_reservations (org_id, agent_id, tokens)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
           101) $$,
    'MU415',
    'daily_token_budget of agent 00000000-0000-4000-8000-000000000031: 101 tokens do not fit into '
    'what is left of 100',
    'more than the budget is refused'
);
SAVEPOINT here;
SELECT lives_ok(
    $$ INSERT INTO astra.token_reservations (org_id, agent_id, tokens) VALUES
           ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 100) $$,
    'all of it at once is not'
);
ROLLBACK TO here;
SELECT lives_ok(
    $$ INSERT INTO astra.token_reservations (org_id, id, agent_id, tokens) VALUES
           ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000071',
            '00000000-0000-4000-8000-000000000031', 60),
           ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000072',
            '00000000-0000-4000-8000-000000000031', 40) $$,
    'all of the budget can be reserved'
);
SELECT throws_ok(
    $$ INSERT INTO astra.token_reservations (org_id, agent_id, tokens)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
           1) $$,
    'MU415',
    NULL,
    'and not one token more'
);
INSERT INTO astra.token_reservations (org_id, agent_id, tokens)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 500);
DELETE FROM astra.token_reservations WHERE id = '00000000-0000-4000-8000-000000000072';
SELECT results_eq(
    $$ SELECT agent_id, usage_date = (now() AT TIME ZONE 'UTC')::date, tokens_used, tokens_reserved
       FROM astra.agent_daily_usage
       ORDER BY agent_id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-000000000031'::uuid, true, 0::bigint, 60::bigint),
        ('00000000-0000-4000-8000-000000000032', true, 0, 500) $$,
    'what is given back is free again, and each agent has a counter of its own'
);
INSERT INTO astra.llm_usage (org_id, agent_id, model, tokens_in, tokens_out) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'm', 30, 8);
SELECT throws_ok(
    $$ INSERT INTO astra.token_reservations (org_id, agent_id, tokens)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
           3) $$,
    'MU415',
    NULL,
    'what was used counts like what is reserved'
);
SELECT lives_ok(
    $$ INSERT INTO astra.token_reservations (org_id, agent_id, tokens)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
           2) $$,
    'until nothing is left'
);
SELECT lives_ok(
    $$ INSERT INTO astra.token_reservations (org_id, agent_id, tokens)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032',
           4294967294) $$,
    'without a budget there is no limit'
);
INSERT INTO astra.token_reservations (org_id, id, agent_id, tokens)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000071',
    '00000000-0000-4000-8000-000000000032', 7)
ON CONFLICT DO NOTHING;
SELECT is(
    (SELECT tokens_reserved FROM astra.agent_daily_usage
     WHERE agent_id = '00000000-0000-4000-8000-000000000032'),
    4294967794,
    'what is there already is not counted again'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.count_reserved_tokens()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

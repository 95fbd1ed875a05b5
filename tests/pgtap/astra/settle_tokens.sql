-- Subject: astra.settle_tokens()    Docs: docs/schema/astra.md#settle-tokens
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'settle_tokens', ARRAY['uuid', 'text', 'integer', 'integer', 'uuid'], 'uuid',
    'it returns uuid'
);
SELECT volatility_is(
    'astra', 'settle_tokens', ARRAY['uuid', 'text', 'integer', 'integer', 'uuid'], 'volatile',
    'it writes or locks'
);
SELECT isnt_definer(
    'astra', 'settle_tokens', ARRAY['uuid', 'text', 'integer', 'integer', 'uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'settle_tokens', ARRAY['uuid', 'text', 'integer', 'integer', 'uuid'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name, daily_token_budget) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner',
     100),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'other', NULL);
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000031', 'Ship.');
INSERT INTO astra.token_reservations (org_id, id, agent_id, tokens) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000071',
     '00000000-0000-4000-8000-000000000031', 60),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000072',
     '00000000-0000-4000-8000-000000000031', 40);

-- A third one is of a call that began yesterday.
SET LOCAL session_replication_role = replica;
INSERT INTO astra.token_reservations (org_id, id, agent_id, tokens, usage_date)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000073',
    '00000000-0000-4000-8000-000000000031', 90, (now() AT TIME ZONE 'UTC')::date - 1);
INSERT INTO astra.agent_daily_usage (org_id, agent_id, usage_date, tokens_reserved)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
    (now() AT TIME ZONE 'UTC')::date - 1, 90);
SET LOCAL session_replication_role = origin;

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT astra.settle_tokens('00000000-0000-4000-8000-000000000071', 'm', 1, 1) $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is settled'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT lives_ok(
    $$ SELECT astra.settle_tokens('00000000-0000-4000-8000-000000000071', 'm', 20, 5,
           '00000000-0000-4000-8000-000000000041') $$,
    'a call is settled'
);
SELECT results_eq(
    $$ SELECT agent_id, goal_id, model, tokens_in, tokens_out FROM astra.llm_usage $$,
    $$
       VALUES ('00000000-0000-4000-8000-000000000031'::uuid,
           '00000000-0000-4000-8000-000000000041'::uuid, 'm', 20, 5) $$,
    'what it used is written down'
);
SELECT results_eq(
    $$ SELECT tokens_used, tokens_reserved FROM astra.agent_daily_usage
       WHERE usage_date = (now() AT TIME ZONE 'UTC')::date $$,
    $$ VALUES (25::bigint, 40::bigint) $$,
    'in the place of what was reserved'
);
SELECT lives_ok(
    $$ SELECT astra.settle_tokens('00000000-0000-4000-8000-000000000073', 'm', 80, 5) $$,
    'a call that lasted over midnight is settled'
);
SELECT results_eq(
    $$ SELECT (now() AT TIME ZONE 'UTC')::date - usage_date, tokens_used, tokens_reserved
       FROM astra.agent_daily_usage
       ORDER BY 1 $$,
    $$ VALUES (0, 25::bigint, 40::bigint), (1, 85, 0) $$,
    'on the day whose budget it asked for'
);
SELECT throws_ok(
    $$ INSERT INTO astra.llm_usage
           (org_id, agent_id, model, tokens_in, tokens_out, reservation_id)
       SELECT org_id, '00000000-0000-4000-8000-000000000032', 'm', 1, 1, id
       FROM astra.token_reservations $$,
    'P0002',
    'reservation_id 00000000-0000-4000-8000-000000000072: no such reservation of agent '
    '00000000-0000-4000-8000-000000000032',
    'nobody settles what another agent reserved'
);
SELECT throws_ok(
    $$ SELECT astra.settle_tokens('00000000-0000-4000-8000-000000000071', 'm', 20, 5) $$,
    'P0002',
    'p_reservation_id 00000000-0000-4000-8000-000000000071: no such reservation',
    'once'
);
SELECT lives_ok(
    $$ SELECT astra.settle_tokens('00000000-0000-4000-8000-000000000072', 'm', 4000, 5) $$,
    'a call that used more than it said is written down all the same'
);
SELECT throws_ok(
    $$ SELECT astra.reserve_tokens('00000000-0000-4000-8000-000000000031', 1) $$,
    'MU415', NULL, 'and the next one refused'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.settle_tokens(uuid, text, integer, integer, uuid)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

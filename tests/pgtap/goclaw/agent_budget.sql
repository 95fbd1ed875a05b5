-- Subject: goclaw.sync_agent_budget()    Docs: docs/schema/goclaw.md#agent-budget
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(31);

-- Shape ---------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT tgrelid::regclass::text, tgname, tgfoid::regproc::text
       FROM pg_trigger
       WHERE tgfoid::regproc::text ~ 'agent_budget' AND tgenabled = 'O' $$,
    $$ VALUES
        ('goclaw.agents', 'agents_sync_budget_tg'::name, 'goclaw.sync_agent_budget'),
        ('goclaw.usage_cap_policies', 'usage_cap_policies_check_insert_tg',
         'goclaw.check_agent_budget'),
        ('goclaw.usage_cap_policies', 'usage_cap_policies_check_update_tg',
         'goclaw.check_agent_budget'),
        ('goclaw.usage_cap_policies', 'usage_cap_policies_check_delete_tg',
         'goclaw.check_agent_budget') $$,
    'agents and policies have these triggers'
);
SELECT isnt_definer(
    'goclaw', name, ARRAY[]::name[], format('%s() acts with the rights of its caller', name)
)
FROM unnest(ARRAY['sync_agent_budget', 'check_agent_budget']) AS name;

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
CREATE TEMPORARY VIEW budget AS
SELECT a.agent_key::text, p.max_cost_micros, p.enabled
FROM goclaw.usage_cap_policies AS p
INNER JOIN goclaw.agents AS a ON a.tenant_id = p.tenant_id AND a.id = p.agent_id
WHERE p.source = 'agent_budget_monthly_cents';

-- With the rights of a runtime, as in all that follows.
GRANT SELECT ON budget TO muniment_app;
SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
INSERT INTO goclaw.agents (
    tenant_id, id, agent_key, owner_id, model, budget_monthly_cents, deleted_at
)
VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'poor', 'u',
     'm', 0, NULL),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a2', 'rich', 'u',
     'm', 2147483647, NULL),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a3', 'free', 'u',
     'm', NULL, NULL),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a4', 'gone', 'u',
     'm', 5, now());
SELECT set_eq(
    $$ SELECT * FROM budget $$,
    $$ VALUES
        ('poor', 0::bigint, true), ('rich', 21474836470000, true), ('gone', 50000, true) $$,
    'an agent with a budget gets a policy, 10,000 micros a cent, deleted or not; no budget, none'
);
SELECT is(
    (SELECT (p.agent_id, p.provider_id, p.provider_type, p.model_id, p.window_key, p.max_tokens,
             p.priority, p.source)::text
     FROM goclaw.usage_cap_policies AS p WHERE p.max_cost_micros = 0),
    ROW('00000000-0000-4000-8000-0000000000a1', NULL::uuid, NULL::text, NULL::text, 'month',
        NULL::bigint, 100, 'agent_budget_monthly_cents')::text,
    'for the month and the agent alone'
);
SELECT is(
    (goclaw.reserve_usage(
        'k', '00000000-0000-4000-8000-0000000000a1', NULL, NULL, 'm', 1, 1
    )).decision,
    'deny',
    'who has nothing spends nothing'
);

UPDATE goclaw.agents SET budget_monthly_cents = 3 WHERE agent_key IN ('poor', 'free', 'gone');
SELECT set_eq(
    $$ SELECT * FROM budget WHERE agent_key <> 'rich' $$,
    $$ VALUES ('poor', 30000::bigint, true), ('free', 30000, true), ('gone', 30000, true) $$,
    'a budget that changes changes the policy, one that is new makes one'
);
SELECT is(
    (goclaw.reserve_usage(
        'l', '00000000-0000-4000-8000-0000000000a1', NULL, NULL, 'm', 1, 20000
    )).decision,
    'allow',
    'there is money now'
);
UPDATE goclaw.agents SET budget_monthly_cents = NULL WHERE agent_key = 'poor';
SELECT results_eq(
    $$ SELECT enabled FROM budget WHERE agent_key = 'poor' $$,
    $$ VALUES (false) $$,
    'a budget that is taken away turns the policy off'
);
SELECT is(
    (goclaw.reserve_usage(
        'm', '00000000-0000-4000-8000-0000000000a1', NULL, NULL, 'm', 1, 999999
    )).decision,
    'allow',
    'so that there is no limit'
);
UPDATE goclaw.agents SET budget_monthly_cents = 3 WHERE agent_key = 'poor';
SELECT is(
    (goclaw.reserve_usage(
        'n', '00000000-0000-4000-8000-0000000000a1', NULL, NULL, 'm', 1, 20000
    )).decision,
    'deny',
    'a budget that comes back knows what was reserved before'
);

UPDATE goclaw.agents SET deleted_at = now() WHERE agent_key = 'poor';
SELECT results_eq(
    $$ SELECT max_cost_micros, enabled FROM budget WHERE agent_key = 'poor' $$,
    $$ VALUES (30000::bigint, true) $$,
    'the budget of an agent that is deleted holds: it may still be at work'
);
SELECT is(
    (goclaw.reserve_usage(
        'o', '00000000-0000-4000-8000-0000000000a1', NULL, NULL, 'm', 1, 20000
    )).decision,
    'deny',
    'so that it spends no more than before'
);
UPDATE goclaw.agents SET budget_monthly_cents = 4 WHERE agent_key = 'poor';
SELECT results_eq(
    $$ SELECT max_cost_micros, enabled FROM budget WHERE agent_key = 'poor' $$,
    $$ VALUES (40000::bigint, true) $$,
    'its budget can change'
);
UPDATE goclaw.agents SET deleted_at = NULL WHERE agent_key IN ('poor', 'gone');
SELECT set_eq(
    $$ SELECT * FROM budget WHERE agent_key IN ('poor', 'gone') $$,
    $$ VALUES ('poor', 40000::bigint, true), ('gone', 30000, true) $$,
    'an agent that is restored has its budget again'
);
UPDATE goclaw.agents SET deleted_at = now() WHERE agent_key = 'poor';
UPDATE goclaw.agents SET deleted_at = NULL, budget_monthly_cents = NULL WHERE agent_key = 'poor';
SELECT results_eq(
    $$ SELECT enabled FROM budget WHERE agent_key = 'poor' $$,
    $$ VALUES (false) $$,
    'one that is restored without a budget has none'
);
UPDATE goclaw.agents SET budget_monthly_cents = 4 WHERE agent_key IN ('poor', 'gone');

-- The policy says what the budget says, whoever writes it.
SELECT throws_ok(
    format(
        $$ UPDATE goclaw.usage_cap_policies SET %s
           WHERE agent_id = '00000000-0000-4000-8000-0000000000a1' $$,
        change
    ),
    'MU333',
    NULL,
    reason
)
FROM (
    VALUES
        ($$ max_cost_micros = 1 $$, 'nobody changes the amount apart from the budget'),
        ($$ enabled = false $$, 'nor turns it off'),
        ($$ agent_id = '00000000-0000-4000-8000-0000000000a4' $$,
         'nor gives it to another agent, though it has the same budget')
) AS broken (change, reason);
SELECT throws_ok(
    $$ DELETE FROM goclaw.usage_cap_policies
       WHERE agent_id = '00000000-0000-4000-8000-0000000000a1' $$,
    'MU333',
    NULL,
    'nor deletes it, with what was used'
);
SELECT throws_ok(
    $$ UPDATE goclaw.usage_cap_policies SET source = 'manual'
       WHERE agent_id = '00000000-0000-4000-8000-0000000000a1' $$,
    '42501',
    NULL,
    'nor says that it was made by hand'
);
SELECT lives_ok(
    $$ UPDATE goclaw.usage_cap_policies SET priority = 1
       WHERE agent_id = '00000000-0000-4000-8000-0000000000a1' $$,
    'its priority is anybody''s to choose'
);
UPDATE goclaw.agents SET budget_monthly_cents = NULL
WHERE id = '00000000-0000-4000-8000-0000000000a3';
SELECT throws_ok(
    $$ UPDATE goclaw.usage_cap_policies SET enabled = true
       WHERE agent_id = '00000000-0000-4000-8000-0000000000a3' $$,
    'MU333',
    NULL,
    'what was turned off with the budget is not turned on without one'
);
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a5', 'new', 'u',
     'm');
SELECT throws_ok(
    $$ INSERT INTO goclaw.usage_cap_policies (
           tenant_id, agent_id, window_key, max_cost_micros, source
       )
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a5',
               'month', 1, 'agent_budget_monthly_cents') $$,
    'MU333',
    NULL,
    'and nobody makes one where there is no budget'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.usage_cap_policies (
           tenant_id, agent_id, window_key, max_cost_micros, source
       )
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000ff',
               'month', 1, 'agent_budget_monthly_cents') $$,
    '23503',
    NULL,
    'or no agent'
);
SELECT lives_ok(
    $$ INSERT INTO goclaw.usage_cap_policies (tenant_id, agent_id, window_key, max_cost_micros)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1',
               'month', 1);
       UPDATE goclaw.usage_cap_policies SET max_cost_micros = 2, enabled = false
       WHERE source = 'manual';
       DELETE FROM goclaw.usage_cap_policies WHERE source = 'manual' $$,
    'policies that are made by hand are free'
);

DELETE FROM goclaw.agents WHERE agent_key = 'poor';
SELECT is_empty(
    $$ SELECT id FROM goclaw.usage_cap_policies
       WHERE agent_id = '00000000-0000-4000-8000-0000000000a1' $$,
    'an agent that is removed for good takes its policy along'
);
SELECT is(
    (SELECT count(*) FROM goclaw.usage_cap_policies), 3::bigint, 'those of the others stay'
);

-- Somebody without a tenant, whom row security does not bind.
RESET ROLE;
SET LOCAL app.tenant_id = '';
UPDATE goclaw.agents SET budget_monthly_cents = 7 WHERE agent_key = 'rich';
SELECT results_eq(
    $$ SELECT max_cost_micros FROM budget WHERE agent_key = 'rich' $$,
    $$ VALUES (70000::bigint) $$,
    'a superuser keeps them in step too'
);
DELETE FROM goclaw.agents WHERE agent_key = 'rich';
SELECT is_empty(
    $$ SELECT id FROM goclaw.usage_cap_policies WHERE max_cost_micros = 70000 $$,
    'and takes policies along with agents'
);

-- Access --------------------------------------------------------------------

SELECT is_empty(
    $$ SELECT proname, grantee::regrole
       FROM pg_proc, aclexplode(proacl)
       WHERE pronamespace = 'goclaw'::regnamespace
           AND proname ~ 'agent_budget'
           AND grantee <> proowner $$,
    'nobody calls the functions: triggers do not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

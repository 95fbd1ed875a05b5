-- Subject: goclaw.spend_hook_budget()    Docs: docs/schema/goclaw.md#spend-hook-budget
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(20);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'spend_hook_budget', ARRAY['bigint'],
    'bigint', 'it returns what is left'
);
SELECT volatility_is(
    'goclaw', 'spend_hook_budget', ARRAY['bigint'],
    'volatile', 'it changes something'
);
SELECT isnt_definer(
    'goclaw', 'spend_hook_budget', ARRAY['bigint'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'spend_hook_budget', ARRAY['bigint'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.tenant_hook_budget (tenant_id, month_start, budget_total, remaining) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', date_trunc('month', now() AT TIME ZONE 'UTC'),
        100, 10
    );

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.spend_hook_budget(1) $$, '42501', 'tenant is not set', 'a tenant has to be set'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format('SELECT goclaw.spend_hook_budget(%s)', units),
    '22023',
    'p_units is not a number from 1',
    format('%s is not something to spend', units)
)
FROM unnest(ARRAY['0', '-1', 'NULL']) AS units;
SELECT is(goclaw.spend_hook_budget(4), 6::bigint, 'it returns what is left');
SELECT throws_ok(
    $$ SELECT goclaw.spend_hook_budget(7) $$,
    'MU340',
    'p_units is 7: the hook budget has not so many left',
    'it takes all or nothing'
);
SELECT is(
    goclaw.spend_hook_budget(6), 0::bigint, 'a refusal takes nothing, and the last unit can go'
);
SELECT throws_ok(
    $$ SELECT goclaw.spend_hook_budget(1) $$,
    'MU340',
    NULL,
    'what is used up is used up'
);
UPDATE goclaw.tenant_hook_budget SET month_start = '2026-01-01';
SELECT throws_ok(
    $$ SELECT goclaw.spend_hook_budget(101) $$,
    'MU340',
    NULL,
    'a new month has the whole budget, and no more'
);
SELECT is(goclaw.spend_hook_budget(1), 99::bigint, 'it begins with the first who spends');
SELECT is(
    (SELECT b.month_start FROM goclaw.tenant_hook_budget AS b),
    date_trunc('month', now() AT TIME ZONE 'UTC')::date,
    'and is noted'
);
SELECT is(goclaw.spend_hook_budget(1), 98::bigint, 'and begins once');
UPDATE goclaw.tenant_hook_budget SET month_start = '2999-01-01';
SELECT throws_ok(
    $$ SELECT goclaw.spend_hook_budget(1) $$,
    'MU340',
    NULL,
    'what is of a month to come is not spent now'
);
SELECT results_eq(
    $$ SELECT b.month_start, b.remaining FROM goclaw.tenant_hook_budget AS b $$,
    $$ VALUES ('2999-01-01'::date, 98::bigint) $$,
    'nor is that month turned back'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT throws_ok(
    $$ SELECT goclaw.spend_hook_budget(1) $$, 'MU340', NULL, 'no budget is a budget of nothing'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'spend_hook_budget' AND pronamespace = 'goclaw'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'runtimes spend'
);

SELECT * FROM finish(true);
ROLLBACK;

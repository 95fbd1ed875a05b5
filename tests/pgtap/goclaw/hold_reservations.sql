-- Subject: goclaw.hold_reservations()    Docs: docs/schema/goclaw.md#hold-reservations
--
-- In which order callers wait for each other is shown with several connections:
-- tests/integration/test_goclaw_usage.py.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'hold_reservations', ARRAY['text'],
    'setof goclaw.usage_cap_reservations', 'it returns reservations'
);
SELECT volatility_is('goclaw', 'hold_reservations', ARRAY['text'], 'volatile', 'it locks');
SELECT isnt_definer(
    'goclaw', 'hold_reservations', ARRAY['text'], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'hold_reservations', ARRAY['text'], 'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.usage_cap_policies (tenant_id, id, window_key, max_tokens) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000c2', 'month', 100),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000c1', 'day', 100),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000d1', 'day', 100);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.hold_reservations('k') $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is held'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT goclaw.reserve_usage('k', NULL, NULL, NULL, NULL, 10, 0);
SELECT results_eq(
    $$ SELECT policy_id, status, reserved_tokens::integer FROM goclaw.hold_reservations('k') $$,
    $$ VALUES
        ('00000000-0000-4000-8000-0000000000c1'::uuid, 'reserved', 10),
        ('00000000-0000-4000-8000-0000000000c2', 'reserved', 10) $$,
    'what a request holds, in the order of its policies'
);
SELECT is_empty(
    $$ SELECT * FROM goclaw.hold_reservations('l') $$, 'another request holds nothing of it'
);
SELECT goclaw.settle_usage('k', 10, 0);
SELECT is_empty(
    $$ SELECT * FROM goclaw.hold_reservations('k') $$, 'what is settled is held no more'
);
SELECT goclaw.reserve_usage('m', NULL, NULL, NULL, NULL, 1, 0);
RESET ROLE;
UPDATE goclaw.usage_cap_reservations SET status = 'expired' WHERE reservation_key = 'm';
SET LOCAL ROLE muniment_app;
SELECT is(
    (SELECT count(*) FROM goclaw.hold_reservations('m')), 2::bigint,
    'what has expired can still be settled'
);
SET LOCAL app.tenant_id = '';
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT is_empty(
    $$ SELECT * FROM goclaw.hold_reservations('m') $$, 'nobody holds what another tenant reserved'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

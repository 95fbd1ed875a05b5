-- Subject: goclaw.settle_usage()    Docs: docs/schema/goclaw.md#settle-usage
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(43);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'settle_usage', ARRAY['text', 'bigint', 'bigint'],
    'goclaw.usage_cap_events', 'it returns the event'
);
SELECT volatility_is(
    'goclaw', 'settle_usage', ARRAY['text', 'bigint', 'bigint'],
    'volatile', 'it writes'
);
SELECT isnt_definer(
    'goclaw', 'settle_usage', ARRAY['text', 'bigint', 'bigint'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'settle_usage', ARRAY['text', 'bigint', 'bigint'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.usage_cap_policies (
    tenant_id, id, window_key, max_tokens, max_cost_micros
)
VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000c1', 'month', 100,
     NULL),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000c2', 'day', NULL,
     1000),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000d1', 'day', NULL,
     1000);
CREATE TEMPORARY VIEW counted AS
SELECT
    right(c.policy_id::text, 2) AS policy,
    c.used_tokens::integer, c.reserved_tokens::integer,
    c.used_cost_micros::integer, c.reserved_cost_micros::integer
FROM goclaw.usage_cap_counters AS c;
CREATE TEMPORARY TABLE answer (which text, event goclaw.usage_cap_events);
GRANT ALL ON counted, answer TO muniment_app;

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.settle_usage('k', 1, 1) $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing ends'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format($$ SELECT goclaw.settle_usage(%L, 1, 1) $$, key),
    'MU331',
    'p_reservation_key: nothing was reserved under it',
    'what was not reserved does not end'
)
FROM unnest(ARRAY['k', NULL]) AS key;
SELECT is(
    (goclaw.reserve_usage('refused', NULL, NULL, NULL, NULL, 101, 0)).decision, 'deny',
    'a request that is refused'
);
SELECT throws_ok(
    $$ SELECT goclaw.settle_usage('refused', 1, 1) $$,
    'MU332',
    'p_reservation_key: the request was refused',
    'does not end either'
);
SELECT throws_ok(
    format($$ SELECT goclaw.settle_usage('k', %s) $$, arguments),
    '22023',
    'p_tokens, p_cost_micros: must be from 0 to 10^15',
    'what was used is known: ' || arguments
)
FROM unnest(ARRAY[
    '-1, 0', '0, -1', 'NULL, 0', '0, NULL', '1000000000000001, 0', '0, 1000000000000001'
]) AS arguments;

SELECT is(
    (SELECT count(*) FROM unnest(ARRAY['k', 'more', 'late', 'other']) AS key,
         goclaw.reserve_usage(key, NULL, NULL, NULL, NULL, 20, 200)),
    4::bigint,
    'four requests reserve 20 tokens and 200 micros each'
);
INSERT INTO answer SELECT 'first', e FROM goclaw.settle_usage('k', 5, 50) AS e;
SELECT is(
    (SELECT (e.policy_id, e.reservation_key, e.decision, e.reason, e.estimated_tokens,
             e.estimated_cost_micros, e.actual_tokens, e.actual_cost_micros, e.metadata)::text
     FROM answer AS a, LATERAL (SELECT (a.event).*) AS e),
    ROW(NULL::uuid, 'k', 'settle', NULL::text, 20, 200, 5, 50, '{"request": {}}'::jsonb)::text,
    'the event has the estimate and what was used'
);
SELECT results_eq(
    $$ SELECT * FROM counted ORDER BY policy $$,
    $$ VALUES ('c1', 5, 60, 50, 600), ('c2', 5, 60, 50, 600) $$,
    'less than was reserved is used, and the rest is free again'
);
SELECT set_eq(
    $$ SELECT status, actual_tokens, actual_cost_micros
       FROM goclaw.usage_cap_reservations
       WHERE reservation_key = 'k' $$,
    $$ VALUES ('settled', 5::bigint, 50::bigint) $$,
    'the reservations say so'
);
SELECT is(
    goclaw.settle_usage('k', 5, 50), (SELECT event FROM answer),
    'the same figures again get the same event'
);
SELECT throws_ok(
    $$ SELECT goclaw.reserve_usage('k', NULL, NULL, NULL, NULL, 20, 200) $$,
    'MU332',
    'p_reservation_key: the reservation has ended',
    'but the request is not allowed again'
);
SELECT throws_ok(
    format($$ SELECT goclaw.settle_usage('k', %s) $$, arguments),
    'MU330',
    'p_reservation_key: was settled with other figures',
    'other figures do not: ' || arguments
)
FROM unnest(ARRAY['6, 50', '5, 51']) AS arguments;
SELECT is(
    (goclaw.settle_usage('more', 90, 100)).reason, 'more than was reserved',
    'more than was reserved is used too: it is spent'
);
SELECT results_eq(
    $$ SELECT * FROM counted ORDER BY policy $$,
    $$ VALUES ('c1', 95, 40, 150, 400), ('c2', 95, 40, 150, 400) $$,
    'and counted once, also beyond the cap'
);
SELECT is(
    (goclaw.reserve_usage('next', NULL, NULL, NULL, NULL, 0, 0)).decision, 'deny',
    'so that nothing more is allowed'
);

RESET ROLE;
UPDATE goclaw.usage_cap_reservations
SET created_at = now() - interval '2 hours'
WHERE reservation_key = 'late';
SET LOCAL ROLE muniment_service;
SELECT is(goclaw.expire_usage(interval '1 hour', 10), 2, 'a reservation expires in both policies');
SET LOCAL ROLE muniment_app;
SELECT is(
    (goclaw.settle_usage('late', 1, 10)).decision, 'settle', 'who comes late settles all the same'
);
SELECT results_eq(
    $$ SELECT * FROM counted ORDER BY policy $$,
    $$ VALUES ('c1', 96, 20, 160, 200), ('c2', 96, 20, 160, 200) $$,
    'and nothing is given back twice'
);
SELECT is(
    (goclaw.release_usage('other')).decision, 'release', 'a reservation that was released'
);
SELECT throws_ok(
    $$ SELECT goclaw.settle_usage('other', 1, 1) $$,
    'MU332',
    'p_reservation_key: the reservation was released',
    'is not settled'
);
SELECT results_eq(
    $$ SELECT * FROM counted ORDER BY policy $$,
    $$ VALUES ('c1', 96, 0, 160, 0), ('c2', 96, 0, 160, 0) $$,
    'nor counted'
);

-- A request that was reserved in the hour before.
INSERT INTO goclaw.usage_cap_policies (tenant_id, id, window_key, max_tokens) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000c3', 'hour', 100);
INSERT INTO goclaw.usage_cap_counters (policy_id, window_start, window_end, reserved_tokens)
SELECT '00000000-0000-4000-8000-0000000000c3', lower(hour), upper(hour), tokens
FROM (
    VALUES
        (goclaw.usage_window('hour', now() - interval '1 hour'), 20),
        (goclaw.usage_window('hour', now()), 30)
) AS sample (hour, tokens);
INSERT INTO goclaw.usage_cap_reservations (
    reservation_key, policy_id, window_start, reserved_tokens
)
SELECT 'before', c.policy_id, min(c.window_start), 20
FROM goclaw.usage_cap_counters AS c
WHERE c.policy_id = '00000000-0000-4000-8000-0000000000c3'
GROUP BY c.policy_id;
INSERT INTO goclaw.usage_cap_events (tenant_id, reservation_key, decision, estimated_tokens) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'before', 'allow', 20);
SELECT is((goclaw.settle_usage('before', 7, 0)).decision, 'settle', 'a request may take its time');
SELECT results_eq(
    $$ SELECT used_tokens, reserved_tokens
       FROM goclaw.usage_cap_counters
       WHERE policy_id = '00000000-0000-4000-8000-0000000000c3'
       ORDER BY window_start $$,
    $$ VALUES (7::bigint, 0::bigint), (0, 30) $$,
    'it counts in the window in which it was reserved'
);

-- Counters that somebody has changed by hand.
SELECT is(
    (goclaw.reserve_usage('wrong', NULL, NULL, NULL, NULL, 1, 1)).decision,
    'allow',
    'a request whose counters go wrong'
);
UPDATE goclaw.usage_cap_counters
SET used_tokens = 9223372036854775807, used_cost_micros = 9223372036854775807,
    reserved_tokens = 0, reserved_cost_micros = 0;
SELECT is(
    (goclaw.settle_usage('wrong', 1000000000000000, 1000000000000000)).decision,
    'settle',
    'is settled all the same'
);
SELECT set_eq(
    $$ SELECT used_tokens, reserved_tokens, used_cost_micros, reserved_cost_micros
       FROM goclaw.usage_cap_counters $$,
    $$ VALUES (9223372036854775807, 0::bigint, 9223372036854775807, 0::bigint) $$,
    'they stay at the largest number, and at nothing'
);

DELETE FROM goclaw.usage_cap_policies;
SELECT is(
    (goclaw.reserve_usage('free', NULL, NULL, NULL, NULL, 1, 1)).decision,
    'allow',
    'what no policy holds'
);
SELECT is(
    (goclaw.settle_usage('free', 9, 9)).actual_tokens, 9::bigint, 'is settled for the record'
);
SELECT throws_ok(
    $$ SELECT goclaw.reserve_usage('free', NULL, NULL, NULL, NULL, 1, 1) $$,
    'MU332',
    'p_reservation_key: the reservation has ended',
    'and has ended, though it held nothing'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT throws_ok(
    $$ SELECT goclaw.settle_usage('free', 9, 9) $$,
    'MU331',
    NULL,
    'what another tenant has reserved is not there'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = to_regprocedure(
               'goclaw.settle_usage(text, bigint, bigint)'
           )
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'a runtime settles'
);
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT goclaw.settle_usage('k', 1, 1) $$,
    '42501',
    'permission denied for function settle_usage',
    'a reader does not'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

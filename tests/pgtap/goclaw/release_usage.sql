-- Subject: goclaw.release_usage()    Docs: docs/schema/goclaw.md#release-usage
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(28);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'release_usage', ARRAY['text'],
    'goclaw.usage_cap_events', 'it returns the event'
);
SELECT volatility_is(
    'goclaw', 'release_usage', ARRAY['text'],
    'volatile', 'it writes'
);
SELECT isnt_definer(
    'goclaw', 'release_usage', ARRAY['text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'release_usage', ARRAY['text'],
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
    $$ SELECT goclaw.release_usage('k') $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing ends'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format($$ SELECT goclaw.release_usage(%L) $$, key),
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
    $$ SELECT goclaw.release_usage('refused') $$,
    'MU332',
    'p_reservation_key: the request was refused',
    'does not end either'
);
SELECT is(
    (SELECT count(*) FROM unnest(ARRAY['k', 'used', 'late']) AS key,
         goclaw.reserve_usage(key, NULL, NULL, NULL, NULL, 20, 200)),
    3::bigint,
    'three requests reserve 20 tokens and 200 micros each'
);
INSERT INTO answer SELECT 'first', e FROM goclaw.release_usage('k') AS e;
SELECT is(
    (SELECT (e.policy_id, e.reservation_key, e.decision, e.reason, e.estimated_tokens,
             e.estimated_cost_micros, e.actual_tokens, e.actual_cost_micros, e.metadata)::text
     FROM answer AS a, LATERAL (SELECT (a.event).*) AS e),
    ROW(NULL::uuid, 'k', 'release', NULL::text, 20, 200, 0, 0, '{"request": {}}'::jsonb)::text,
    'the event has what was reserved'
);
SELECT results_eq(
    $$ SELECT * FROM counted ORDER BY policy $$,
    $$ VALUES ('c1', 0, 40, 0, 400), ('c2', 0, 40, 0, 400) $$,
    'what was reserved is free again, in all policies'
);
SELECT is(
    goclaw.release_usage('k'), (SELECT event FROM answer), 'a second time gets the same event'
);
SELECT results_eq(
    $$ SELECT * FROM counted ORDER BY policy $$,
    $$ VALUES ('c1', 0, 40, 0, 400), ('c2', 0, 40, 0, 400) $$,
    'and gives nothing back'
);
SELECT throws_ok(
    $$ SELECT goclaw.reserve_usage('k', NULL, NULL, NULL, NULL, 20, 200) $$,
    'MU332',
    'p_reservation_key: the reservation has ended',
    'nor is the request allowed again, with nothing that it holds'
);
SELECT throws_ok(
    $$ SELECT goclaw.reserve_usage('k', NULL, NULL, NULL, NULL, 21, 200) $$,
    'MU330',
    NULL,
    'another request under its name is told so'
);
SELECT is((goclaw.settle_usage('used', 5, 50)).decision, 'settle', 'what was settled');
SELECT throws_ok(
    $$ SELECT goclaw.release_usage('used') $$,
    'MU332',
    'p_reservation_key: the reservation was settled',
    'is not released'
);

RESET ROLE;
UPDATE goclaw.usage_cap_reservations
SET created_at = now() - interval '2 hours'
WHERE reservation_key = 'late';
SET LOCAL ROLE muniment_service;
SELECT is(goclaw.expire_usage(interval '1 hour', 10), 2, 'what has expired');
SET LOCAL ROLE muniment_app;
SELECT is((goclaw.release_usage('late')).decision, 'release', 'can be released');
SELECT results_eq(
    $$ SELECT * FROM counted ORDER BY policy $$,
    $$ VALUES ('c1', 5, 0, 50, 0), ('c2', 5, 0, 50, 0) $$,
    'but gives nothing back a second time'
);
SELECT set_eq(
    $$ SELECT status FROM goclaw.usage_cap_reservations WHERE reservation_key IN ('k', 'late') $$,
    $$ VALUES ('released') $$,
    'the reservations say so'
);
SELECT is(
    (goclaw.reserve_usage('wrong', NULL, NULL, NULL, NULL, 10, 10)).decision,
    'allow',
    'a request whose counters somebody changes by hand'
);
UPDATE goclaw.usage_cap_counters SET reserved_tokens = 9, reserved_cost_micros = 9;
SELECT is((goclaw.release_usage('wrong')).decision, 'release', 'is released all the same');
SELECT results_eq(
    $$ SELECT * FROM counted ORDER BY policy $$,
    $$ VALUES ('c1', 5, 0, 50, 0), ('c2', 5, 0, 50, 0) $$,
    'and they stay at nothing'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT throws_ok(
    $$ SELECT goclaw.release_usage('k') $$,
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
               'goclaw.release_usage(text)'
           )
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'a runtime releases'
);
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT goclaw.release_usage('k') $$,
    '42501',
    'permission denied for function release_usage',
    'a reader does not'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

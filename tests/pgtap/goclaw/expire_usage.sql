-- Subject: goclaw.expire_usage()    Docs: docs/schema/goclaw.md#expire-usage
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(30);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'expire_usage', ARRAY['interval', 'integer'],
    'integer', 'it returns a number'
);
SELECT volatility_is(
    'goclaw', 'expire_usage', ARRAY['interval', 'integer'],
    'volatile', 'it writes'
);
SELECT isnt_definer(
    'goclaw', 'expire_usage', ARRAY['interval', 'integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'expire_usage', ARRAY['interval', 'integer'],
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
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(
    (SELECT count(*) FROM unnest(ARRAY['young', 'old', 'older', 'settled', 'released']) AS key,
         goclaw.reserve_usage(key, NULL, NULL, NULL, NULL, 10, 100)),
    5::bigint,
    'five requests reserve 10 tokens and 100 micros each, in two policies'
);
SELECT is((goclaw.settle_usage('settled', 1, 1)).decision, 'settle', 'one is settled');
SELECT is((goclaw.release_usage('released')).decision, 'release', 'and one released');
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT is(
    (goclaw.reserve_usage('old', NULL, NULL, NULL, NULL, 10, 100)).decision, 'allow',
    'another tenant has one of the same name'
);
RESET ROLE;
UPDATE goclaw.usage_cap_reservations
SET created_at = now() - CASE reservation_key
    WHEN 'old' THEN interval '1 hour 1 second' ELSE interval '3 hours'
END
WHERE reservation_key <> 'young';

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format($$ SELECT goclaw.expire_usage(%s) $$, arguments), '22023', message, reason
)
FROM (
    VALUES
        ($$ '-1 second', 1 $$, 'p_older_than: must be from 0 to 1 year', 'an age is not negative'),
        ($$ NULL, 1 $$, 'p_older_than: must be from 0 to 1 year', 'an age is known'),
        ($$ '300000 years', 1 $$, 'p_older_than: must be from 0 to 1 year',
         'nor longer than time'),
        ($$ '1 hour', 0 $$, 'p_limit: must be between 1 and 10000', 'a batch is not empty'),
        ($$ '1 hour', 10001 $$, 'p_limit: must be between 1 and 10000', 'nor too large'),
        ($$ '1 hour', NULL $$, 'p_limit: must be between 1 and 10000', 'nor unlimited')
) AS broken (arguments, message, reason);
SELECT is(goclaw.expire_usage('1 hour', 2), 2, 'at most so many at once');
RESET ROLE;
SELECT set_eq(
    $$ SELECT reservation_key FROM goclaw.usage_cap_reservations WHERE status = 'expired' $$,
    $$ VALUES ('older') $$,
    'the oldest first'
);
SET LOCAL ROLE muniment_service;
SELECT is(goclaw.expire_usage('1 hour', 100), 3, 'then the others of all tenants');
SELECT is(goclaw.expire_usage('1 hour', 100), 0, 'and then none');
RESET ROLE;
SELECT results_eq(
    $$ SELECT * FROM counted ORDER BY policy $$,
    $$ VALUES ('c1', 1, 10, 1, 100), ('c2', 1, 10, 1, 100), ('d1', 0, 0, 0, 0) $$,
    'what they held is free again, what is younger or settled stays'
);
SELECT set_eq(
    $$ SELECT tenant_id, reservation_key, right(policy_id::text, 2), decision, reason,
           estimated_tokens, estimated_cost_micros
       FROM goclaw.usage_cap_events
       WHERE decision = 'expire' $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000a'::uuid, 'older', 'c1', 'expire',
         'neither settled nor released', 10::bigint,
         100::bigint),
        ('00000000-0000-4000-8000-00000000000a', 'older', 'c2', 'expire',
         'neither settled nor released', 10, 100),
        ('00000000-0000-4000-8000-00000000000a', 'old', 'c1', 'expire',
         'neither settled nor released', 10, 100),
        ('00000000-0000-4000-8000-00000000000a', 'old', 'c2', 'expire',
         'neither settled nor released', 10, 100),
        ('00000000-0000-4000-8000-00000000000b', 'old', 'd1', 'expire',
         'neither settled nor released', 10, 100) $$,
    'there is an event for each'
);

SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    $$ SELECT goclaw.reserve_usage('old', NULL, NULL, NULL, NULL, 10, 100) $$,
    'MU332',
    'p_reservation_key: the reservation has ended',
    'what has expired holds nothing, and is not allowed again'
);
SELECT is(
    (goclaw.reserve_usage('young', NULL, NULL, NULL, NULL, 10, 100)).decision, 'allow',
    'what is held is'
);

-- Counters and reservations that a runtime has made wrong by hand, of one tenant among others.
SELECT is(
    (goclaw.reserve_usage('wrong', NULL, NULL, NULL, NULL, 10, 100)).decision, 'allow',
    'a request whose counters go wrong'
);
UPDATE goclaw.usage_cap_counters SET reserved_tokens = 0, reserved_cost_micros = 9;
INSERT INTO goclaw.usage_cap_reservations (
    reservation_key, policy_id, window_start, reserved_tokens, reserved_cost_micros
)
SELECT 'vast ' || i, c.policy_id, c.window_start, 9223372036854775807, 9223372036854775807
FROM goclaw.usage_cap_counters AS c
CROSS JOIN generate_series(1, 2) AS i
WHERE c.policy_id = '00000000-0000-4000-8000-0000000000c1';
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT is(
    (goclaw.reserve_usage('right', NULL, NULL, NULL, NULL, 10, 100)).decision, 'allow',
    'and one of another tenant'
);
RESET ROLE;
UPDATE goclaw.usage_cap_reservations SET created_at = now() - interval '3 hours'
WHERE reservation_key IN ('wrong', 'vast 1', 'vast 2', 'right');
SET LOCAL ROLE muniment_service;
SELECT is(goclaw.expire_usage('1 hour', 100), 5, 'all of them expire: nobody stops the others');
RESET ROLE;
SELECT results_eq(
    $$ SELECT * FROM counted ORDER BY policy $$,
    $$ VALUES ('c1', 1, 0, 1, 0), ('c2', 1, 0, 1, 0), ('d1', 0, 0, 0, 0) $$,
    'a counter that would be less than nothing is nothing'
);

-- Among many that are done, the open ones are found by their index.
INSERT INTO goclaw.usage_cap_reservations (
    tenant_id, reservation_key, policy_id, window_start, status
)
SELECT c.tenant_id, 'done ' || i, c.policy_id, c.window_start, 'settled'
FROM goclaw.usage_cap_counters AS c
CROSS JOIN generate_series(1, 20000) AS i
WHERE c.policy_id = '00000000-0000-4000-8000-0000000000d1';
ANALYZE goclaw.usage_cap_reservations;
UPDATE goclaw.usage_cap_reservations SET created_at = now() - interval '2 hours'
WHERE reservation_key = 'young';
CREATE TEMPORARY TABLE scans AS
SELECT pg_stat_get_xact_numscans('goclaw.usage_cap_reservations_open_ix'::regclass) AS before;
GRANT SELECT ON scans TO muniment_service;
SET LOCAL ROLE muniment_service;
SELECT is(goclaw.expire_usage('1 hour', 10), 2, 'the young one has aged');
SELECT cmp_ok(
    pg_stat_get_xact_numscans('goclaw.usage_cap_reservations_open_ix'::regclass), '>',
    (SELECT before FROM scans),
    'and is found in the index of open reservations'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = to_regprocedure(
               'goclaw.expire_usage(interval, integer)'
           )
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'the backend lets reservations expire'
);
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.expire_usage('1 hour', 1) $$,
    '42501',
    'permission denied for function expire_usage',
    'a runtime does not: it would be for all tenants'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

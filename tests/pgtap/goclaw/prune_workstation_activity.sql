-- Subject: goclaw.prune_workstation_activity()
-- Docs: docs/schema/goclaw.md#prune-workstation-activity
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'prune_workstation_activity', ARRAY['timestamp with time zone', 'integer'],
    'bigint', 'it tells how many entries left'
);
SELECT volatility_is(
    'goclaw', 'prune_workstation_activity', ARRAY['timestamp with time zone', 'integer'],
    'volatile', 'it changes rows'
);
SELECT isnt_definer(
    'goclaw', 'prune_workstation_activity', ARRAY['timestamp with time zone', 'integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'prune_workstation_activity', ARRAY['timestamp with time zone', 'integer'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.workstations (
    tenant_id, id, workstation_key, name, backend_type, metadata, default_env
)
SELECT id, '0e500000-0000-4000-8000-000000000001', 'w', 'W', 'ssh', 'x', 'x'
FROM goclaw.tenants
WHERE slug IN ('a', 'b');
-- Entry n is n days old. Tenants may have the same ids.
INSERT INTO goclaw.workstation_activity (
    tenant_id, id, workstation_id, agent_id, action, created_at
)
SELECT
    w.tenant_id, ('0c000000-0000-4000-8000-00000000000' || days)::uuid, w.id, days, 'exec',
    now() - make_interval(days => days)
FROM goclaw.workstations AS w
CROSS JOIN generate_series(0, 4) AS days;

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT goclaw.prune_workstation_activity(%s)', arguments),
    '22023',
    message,
    format('%s: %s', arguments, message)
)
FROM (
    VALUES
        ('NULL, 1', 'p_before is not a time that has passed'),
        ('now() + interval ''1 second'', 1', 'p_before is not a time that has passed'),
        ('now(), 0', 'p_limit is not a number of rows'),
        ('now(), NULL', 'p_limit is not a number of rows')
) AS attempt (arguments, message);
SELECT is(
    goclaw.prune_workstation_activity(now() - interval '1 day', 3), 3::bigint,
    'no more entries than the limit leave'
);
RESET ROLE;
SELECT results_eq(
    $$ SELECT agent_id::integer, count(*) FROM goclaw.workstation_activity GROUP BY 1 ORDER BY 1 $$,
    $$ VALUES (0, 2::bigint), (1, 2), (2, 2), (3, 1) $$,
    'of all tenants, the oldest first'
);
SET LOCAL ROLE muniment_service;
SELECT results_eq(
    $$ SELECT goclaw.prune_workstation_activity(now() - interval '1 day')
       UNION ALL
       SELECT goclaw.prune_workstation_activity(now() - interval '1 day') $$,
    $$ VALUES (3::bigint), (0) $$,
    'the next call takes the rest, and the one after it tells that nothing is left'
);
SELECT throws_ok(
    $$ UPDATE goclaw.workstation_activity SET duration_ms = 0 $$,
    'MU001',
    NULL,
    'whoever prunes the log does not change it'
);
RESET ROLE;
SELECT results_eq(
    $$ SELECT agent_id::integer, count(*) FROM goclaw.workstation_activity GROUP BY 1 ORDER BY 1 $$,
    $$ VALUES (0, 2::bigint), (1, 2) $$,
    'what is as old as the time or younger stays'
);

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'goclaw.prune_workstation_activity(timestamptz, integer)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'only the backend prunes'
);
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.prune_workstation_activity(now()) $$,
    '42501',
    'permission denied for function prune_workstation_activity',
    'who works for one tenant has no business with the others'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;

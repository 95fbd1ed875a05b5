-- Subject: goclaw.finish_heartbeat()    Docs: docs/schema/goclaw.md#finish-heartbeat
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(22);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'finish_heartbeat', ARRAY[
        'uuid', 'uuid', 'timestamptz', 'text', 'timestamptz', 'text', 'text',
        'text', 'integer', 'integer', 'integer'
    ],
    'timestamp with time zone', 'it returns when the heartbeat is due next'
);
SELECT volatility_is(
    'goclaw', 'finish_heartbeat', ARRAY[
        'uuid', 'uuid', 'timestamptz', 'text', 'timestamptz', 'text', 'text',
        'text', 'integer', 'integer', 'integer'
    ],
    'volatile', 'it ends a run'
);
SELECT isnt_definer(
    'goclaw', 'finish_heartbeat', ARRAY[
        'uuid', 'uuid', 'timestamptz', 'text', 'timestamptz', 'text', 'text',
        'text', 'integer', 'integer', 'integer'
    ],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'finish_heartbeat', ARRAY[
        'uuid', 'uuid', 'timestamptz', 'text', 'timestamptz', 'text', 'text',
        'text', 'integer', 'integer', 'integer'
    ],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug, status) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a', 'active'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b', 'active'),
    ('00000000-0000-4000-8000-00000000000c', 'C', 'c', 'suspended');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)
SELECT t.id, ('a9e00000-0000-4000-8000-00000000000' || n)::uuid, 'agent ' || n, 'u', 'm'
FROM goclaw.tenants AS t
CROSS JOIN generate_series(1, 4) AS n
WHERE t.slug IN ('a', 'b');
INSERT INTO goclaw.agent_heartbeats (
    tenant_id, id, agent_id, enabled, interval_sec, next_run_at, last_status, last_run_at,
    last_error
)
SELECT
    a.tenant_id, h.id::uuid, a.id, true, 600, now() + h.due, 'running',
    now() - interval '1 minute', 'earlier'
FROM goclaw.agents AS a
INNER JOIN (
    VALUES
        ('4b000000-0000-4000-8000-000000000001', 'agent 1', interval '-1 hour'),
        ('4b000000-0000-4000-8000-000000000002', 'agent 2', '2 hours'),
        ('4b000000-0000-4000-8000-000000000003', 'agent 3', NULL),
        ('4b000000-0000-4000-8000-000000000004', 'agent 4', '-1 hour')
) AS h (id, agent_key, due) ON h.agent_key = a.agent_key;

CREATE FUNCTION pg_temp.finish(
    p_heartbeat text, p_status text, p_next timestamptz DEFAULT NULL, p_tokens integer DEFAULT 5
)
RETURNS timestamptz
LANGUAGE sql
AS $$
SELECT goclaw.finish_heartbeat(
    '00000000-0000-4000-8000-00000000000a',
    ('4b000000-0000-4000-8000-00000000000' || p_heartbeat)::uuid,
    now() - interval '1 minute', p_status, p_next, 'summary', 'error', 'reason', p_tokens, 7, 1200
)
$$;

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT pg_temp.finish(%s)', arguments),
    sqlstate,
    NULL,
    promise
)
FROM (
    VALUES
        ('''1'', ''running''', '23514', 'a run does not end as running'),
        ('''1'', NULL', '23502', 'a run ends somehow'),
        ('''1'', ''ok'', NULL, -1', '23514', 'tokens are not negative'),
        ('''1'', ''ok'', NULL, NULL', '23502', 'and are counted')
) AS attempt (arguments, sqlstate, promise);
SELECT throws_ok(
    $$ SELECT goclaw.finish_heartbeat(
           '00000000-0000-4000-8000-00000000000a', '4b000000-0000-4000-8000-000000000001',
           now() - interval '1 minute', 'skipped', p_skip_reason := repeat('x', 51)
       ) $$,
    '22001',
    NULL,
    'a skip reason is short'
);
SELECT throws_ok(
    format(
        'SELECT goclaw.finish_heartbeat(%L, %L, %s, %L)',
        tenant_id, '4b000000-0000-4000-8000-000000000001', claimed_at, 'ok'
    ),
    'MU310',
    'p_claimed_at does not name the claim of heartbeat 4b000000-0000-4000-8000-000000000001',
    promise
)
FROM (
    VALUES
        (
            '00000000-0000-4000-8000-00000000000a', 'now() - interval ''2 minutes''',
            'whoever lost the claim is refused'
        ),
        ('00000000-0000-4000-8000-00000000000a', 'NULL', 'and whoever names none'),
        (
            '00000000-0000-4000-8000-00000000000c', 'now() - interval ''1 minute''',
            'and whoever names another tenant'
        )
) AS attempt (tenant_id, claimed_at, promise);

SELECT is(
    pg_temp.finish('1', 'error'), now() + interval '10 minutes',
    'the next run is one interval away'
);
SELECT throws_ok(
    $$ SELECT pg_temp.finish('1', 'ok') $$, 'MU310', NULL, 'a run ends once'
);
SELECT is(
    pg_temp.finish('2', 'ok'), now() + interval '2 hours',
    'unless somebody set another time during the run'
);
SELECT is(pg_temp.finish('3', 'skipped'), NULL, 'or none');
SELECT is(
    pg_temp.finish('4', 'ok', now() + interval '1 minute'), now() + interval '1 minute',
    'or the caller wants another time'
);
RESET ROLE;
SELECT results_eq(
    $$ SELECT last_status::text, last_error, last_run_at, run_count, suppress_count
       FROM goclaw.agent_heartbeats
       WHERE tenant_id = '00000000-0000-4000-8000-00000000000a'
       ORDER BY id $$,
    $$ VALUES
        ('error', 'error', now() - interval '1 minute', 1, 0),
        ('ok', NULL, now() - interval '1 minute', 1, 0),
        ('skipped', 'error', now() - interval '1 minute', 0, 1),
        ('ok', NULL, now() - interval '1 minute', 1, 0) $$,
    'heartbeats say how they ended, and are counted'
);
SELECT results_eq(
    $$ SELECT tenant_id, heartbeat_id, agent_id, status::text, summary, error, skip_reason::text,
           input_tokens, output_tokens, duration_ms, ran_at
       FROM goclaw.heartbeat_run_logs
       ORDER BY heartbeat_id $$,
    $$ SELECT '00000000-0000-4000-8000-00000000000a'::uuid,
           ('4b000000-0000-4000-8000-00000000000' || n)::uuid,
           ('a9e00000-0000-4000-8000-00000000000' || n)::uuid,
           status, 'summary', 'error', 'reason', 5, 7, 1200, now() - interval '1 minute'
       FROM (
           VALUES (1, 'error'), (2, 'ok'), (3, 'skipped'), (4, 'ok')
       ) AS run (n, status) $$,
    'each run that ended is logged, and none that was refused'
);
SELECT set_eq(
    $$ SELECT last_status::text, last_error, run_count FROM goclaw.agent_heartbeats
       WHERE tenant_id = '00000000-0000-4000-8000-00000000000b' $$,
    $$ VALUES ('running', 'earlier', 0) $$,
    'heartbeats of another tenant stay as they were, though they have the same ids'
);

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = (
           'goclaw.finish_heartbeat(uuid, uuid, timestamptz, '
           'text, timestamptz, text, text, text, integer, integer, integer)'
       )::regprocedure AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'only the backend ends runs'
);
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT pg_temp.finish('1', 'ok') $$,
    '42501',
    'permission denied for function finish_heartbeat',
    'who works for one tenant has no business with the others'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;

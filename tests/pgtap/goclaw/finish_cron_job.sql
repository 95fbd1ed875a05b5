-- Subject: goclaw.finish_cron_job()    Docs: docs/schema/goclaw.md#finish-cron-job
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(34);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'finish_cron_job', ARRAY[
        'uuid', 'uuid', 'timestamptz', 'text', 'timestamptz', 'text',
        'integer', 'integer', 'integer'
    ],
    'timestamp with time zone', 'it returns when the job is due next'
);
SELECT volatility_is(
    'goclaw', 'finish_cron_job', ARRAY[
        'uuid', 'uuid', 'timestamptz', 'text', 'timestamptz', 'text',
        'integer', 'integer', 'integer'
    ],
    'volatile', 'it ends a run'
);
SELECT isnt_definer(
    'goclaw', 'finish_cron_job', ARRAY[
        'uuid', 'uuid', 'timestamptz', 'text', 'timestamptz', 'text',
        'integer', 'integer', 'integer'
    ],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'finish_cron_job', ARRAY[
        'uuid', 'uuid', 'timestamptz', 'text', 'timestamptz', 'text',
        'integer', 'integer', 'integer'
    ],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug, status) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a', 'active'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b', 'active'),
    ('00000000-0000-4000-8000-00000000000c', 'C', 'c', 'suspended');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)
SELECT id, 'a9e00000-0000-4000-8000-000000000001', 'drafter', 'u', 'm'
FROM goclaw.tenants
WHERE slug IN ('a', 'b');
INSERT INTO goclaw.agent_teams (tenant_id, id, name, lead_agent_id)
SELECT tenant_id, '7ea00000-0000-4000-8000-000000000001', 'T', id FROM goclaw.agents;
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-000000000002',
        'planner', 'u', 'm'
    );
INSERT INTO goclaw.agent_heartbeats (tenant_id, agent_id, enabled, next_run_at)
SELECT tenant_id, id, true, now() + interval '1 day' FROM goclaw.agents;
INSERT INTO goclaw.cron_jobs (
    tenant_id, id, agent_id, schedule_kind, interval_ms, name, next_run_at, last_status,
    last_run_at, last_error, delete_after_run, wake_heartbeat, team_id
)
SELECT
    a.tenant_id, j.id::uuid, a.id, 'every', 60000, j.name, now() + j.due, 'running',
    now() - interval '1 minute', 'earlier', j.once, j.wakes,
    '7ea00000-0000-4000-8000-000000000001'
FROM goclaw.agents AS a
INNER JOIN (
    VALUES
        ('c1000000-0000-4000-8000-000000000001', 'plain', interval '-1 hour', false, false),
        ('c1000000-0000-4000-8000-000000000002', 'moved', '2 hours', false, false),
        ('c1000000-0000-4000-8000-000000000003', 'stopped', NULL, false, false),
        ('c1000000-0000-4000-8000-000000000004', 'once', '-1 hour', true, false),
        ('c1000000-0000-4000-8000-000000000005', 'waking', '-1 hour', false, true)
) AS j (id, name, due, once, wakes) ON a.agent_key = 'drafter';

CREATE FUNCTION pg_temp.finish(
    p_job text, p_status text, p_error text DEFAULT NULL, p_tokens integer DEFAULT NULL
)
RETURNS timestamptz
LANGUAGE sql
AS $$
SELECT goclaw.finish_cron_job(
    '00000000-0000-4000-8000-00000000000a',
    ('c1000000-0000-4000-8000-00000000000' || p_job)::uuid,
    now() - interval '1 minute', p_status, now() + interval '1 hour', p_error, p_tokens, 7, 1200
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
        ('''1'', ''skipped''', '23514', 'a job is not skipped'),
        ('''1'', NULL', '23502', 'a run ends somehow'),
        ('''1'', ''ok'', NULL, -1', '23514', 'tokens are not negative'),
        ('''4'', ''ok'', NULL, -1', '23514', 'not even of a job that goes')
) AS attempt (arguments, sqlstate, promise);
SELECT throws_ok(
    format(
        'SELECT goclaw.finish_cron_job(%L, %L, %s, %L, NULL)',
        tenant_id, 'c1000000-0000-4000-8000-000000000001', claimed_at, 'ok'
    ),
    'MU310',
    'p_claimed_at does not name the claim of job c1000000-0000-4000-8000-000000000001',
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
    pg_temp.finish('1', 'error', 'no model', 42), now() + interval '1 hour',
    'a job is due next when the caller says'
);
SELECT throws_ok(
    $$ SELECT pg_temp.finish('1', 'ok') $$, 'MU310', NULL, 'a run ends once'
);
SELECT is(
    pg_temp.finish('2', 'ok', 'a warning'), now() + interval '2 hours',
    'unless somebody set another time during the run'
);
SELECT is(pg_temp.finish('3', 'ok'), NULL, 'or none');
SELECT is(
    pg_temp.finish('4', 'error', 'no model'), now() + interval '1 hour',
    'a job that runs once stays when it failed'
);
SELECT results_eq(
    $$ SELECT next_run_at FROM goclaw.agent_heartbeats $$,
    $$ SELECT now() + interval '1 day' FROM generate_series(1, 3) $$,
    'no heartbeat was woken so far'
);
SELECT is(pg_temp.finish('5', 'ok'), now() + interval '1 hour', 'a job may wake a heartbeat');
RESET ROLE;
SELECT results_eq(
    $$ SELECT h.tenant_id, a.agent_key::text, h.next_run_at
       FROM goclaw.agent_heartbeats AS h
       INNER JOIN goclaw.agents AS a ON a.tenant_id = h.tenant_id AND a.id = h.agent_id
       ORDER BY 1, 2 $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000a'::uuid, 'drafter', now()),
        ('00000000-0000-4000-8000-00000000000a', 'planner', now() + interval '1 day'),
        ('00000000-0000-4000-8000-00000000000b', 'drafter', now() + interval '1 day') $$,
    'that of its own agent, which is due at once'
);
SELECT results_eq(
    $$ SELECT name::text, last_status::text, last_error, last_run_at
       FROM goclaw.cron_jobs
       WHERE tenant_id = '00000000-0000-4000-8000-00000000000a'
       ORDER BY id $$,
    $$ VALUES
        ('plain', 'error', 'no model', now() - interval '1 minute'),
        ('moved', 'ok', NULL, now() - interval '1 minute'),
        ('stopped', 'ok', NULL, now() - interval '1 minute'),
        ('once', 'error', 'no model', now() - interval '1 minute'),
        ('waking', 'ok', NULL, now() - interval '1 minute') $$,
    'jobs say how they ended, and what went wrong at last'
);
SELECT results_eq(
    $$ SELECT j.name::text, l.agent_id, l.status::text, l.input_tokens, l.output_tokens,
           l.duration_ms, l.team_id
       FROM goclaw.cron_run_logs AS l
       INNER JOIN goclaw.cron_jobs AS j
           ON j.tenant_id = l.tenant_id AND j.id = l.job_id
       ORDER BY j.id $$,
    $$ SELECT name, 'a9e00000-0000-4000-8000-000000000001'::uuid, status, tokens, 7, 1200,
           '7ea00000-0000-4000-8000-000000000001'::uuid
       FROM (
           VALUES
               ('plain', 'error', 42), ('moved', 'ok', NULL), ('stopped', 'ok', NULL),
               ('once', 'error', NULL), ('waking', 'ok', NULL)
       ) AS run (name, status, tokens) $$,
    'each run that ended is logged, and none that was refused'
);
SELECT set_eq(
    $$ SELECT last_status::text, last_error FROM goclaw.cron_jobs
       WHERE tenant_id = '00000000-0000-4000-8000-00000000000b' $$,
    $$ VALUES ('running', 'earlier') $$,
    'jobs of another tenant stay as they were, though they have the same ids'
);

UPDATE goclaw.cron_jobs SET last_status = 'running' WHERE name = 'once';
SET LOCAL ROLE muniment_service;
SELECT is(pg_temp.finish('4', 'ok'), NULL, 'a job that runs once is never due after it succeeded');
SELECT throws_ok($$ SELECT pg_temp.finish('4', 'ok') $$, 'MU310', NULL, 'it is gone');
RESET ROLE;
SELECT results_eq(
    $$ SELECT tenant_id FROM goclaw.cron_jobs WHERE name = 'once' $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000b'::uuid) $$,
    'that of another tenant is not'
);
UPDATE goclaw.cron_jobs SET last_status = 'running' WHERE name = 'waking';
UPDATE goclaw.agent_heartbeats SET next_run_at = NULL, enabled = false;
SET LOCAL ROLE muniment_service;
SELECT lives_ok($$ SELECT pg_temp.finish('5', 'error') $$, 'a run that failed has an end too');
RESET ROLE;
SELECT set_eq(
    $$ SELECT next_run_at FROM goclaw.agent_heartbeats $$,
    $$ VALUES (NULL::timestamptz) $$,
    'a heartbeat that is switched off is not woken'
);
UPDATE goclaw.cron_jobs SET last_status = 'running' WHERE name = 'waking';
UPDATE goclaw.agent_heartbeats
SET next_run_at = now() - interval '2 hours',
    enabled = true,
    last_status = 'running',
    last_run_at = now() - interval '1 hour';
SET LOCAL ROLE muniment_service;
SELECT lives_ok($$ SELECT pg_temp.finish('5', 'error') $$, 'nor does that matter to the job');
RESET ROLE;
SELECT results_eq(
    $$ SELECT next_run_at FROM goclaw.agent_heartbeats ORDER BY tenant_id, agent_id $$,
    $$ VALUES (now()), (now() - interval '2 hours'), (now() - interval '2 hours') $$,
    'one that is running is due again after it'
);
UPDATE goclaw.cron_jobs SET last_status = 'running' WHERE name = 'waking';
UPDATE goclaw.agent_heartbeats SET next_run_at = NULL, last_status = 'ok';
SET LOCAL ROLE muniment_service;
SELECT lives_ok($$ SELECT pg_temp.finish('5', 'error') $$, 'it ends once more');
RESET ROLE;
SELECT set_eq(
    $$ SELECT agent_id, next_run_at FROM goclaw.agent_heartbeats
       WHERE tenant_id = '00000000-0000-4000-8000-00000000000a' $$,
    $$ VALUES
        ('a9e00000-0000-4000-8000-000000000001'::uuid, now()),
        ('a9e00000-0000-4000-8000-000000000002', NULL) $$,
    'one that was not due at all is due now'
);

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = (
           'goclaw.finish_cron_job(uuid, uuid, timestamptz, '
           'text, timestamptz, text, integer, integer, integer)'
       )::regprocedure AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'only the backend ends runs'
);
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT pg_temp.finish('1', 'ok') $$,
    '42501',
    'permission denied for function finish_cron_job',
    'who works for one tenant has no business with the others'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: goclaw.claim_cron_jobs()    Docs: docs/schema/goclaw.md#claim-cron-jobs
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(19);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'claim_cron_jobs', ARRAY['integer', 'interval'],
    'setof goclaw.cron_jobs', 'it returns jobs'
);
SELECT volatility_is(
    'goclaw', 'claim_cron_jobs', ARRAY['integer', 'interval'],
    'volatile', 'it changes what it returns'
);
SELECT isnt_definer(
    'goclaw', 'claim_cron_jobs', ARRAY['integer', 'interval'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'claim_cron_jobs', ARRAY['integer', 'interval'],
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
WHERE slug IN ('a', 'b', 'c');
INSERT INTO goclaw.cron_jobs (
    tenant_id, id, agent_id, schedule_kind, interval_ms, name, enabled, next_run_at, last_status,
    last_run_at, last_error
)
SELECT
    t.id,
    -- Tenants may have the same ids.
    CASE
        WHEN j.name IN ('two hours', 'later') THEN 'c1000000-0000-4000-8000-000000000001'
        ELSE platform.uuid_generate_v7()
    END,
    'a9e00000-0000-4000-8000-000000000001', 'every', 60000, j.name, j.enabled,
    now() + j.due, j.status, now() + j.claimed, j.error
FROM goclaw.tenants AS t
INNER JOIN (
    VALUES
        ('a', 'an hour', true, interval '-1 hour', 'error', interval '-2 hours', 'no model'),
        ('b', 'two hours', true, '-2 hours', 'ok', '-3 hours', NULL),
        ('a', 'lost', true, '-3 hours', 'running', '-20 minutes', NULL),
        ('a', 'running', true, '-4 hours', 'running', '-5 minutes', NULL),
        ('a', 'off', false, '-5 hours', NULL, NULL, NULL),
        ('a', 'later', true, '1 hour', NULL, NULL, NULL),
        ('a', 'never', true, NULL, NULL, NULL, NULL),
        ('c', 'suspended', true, '-6 hours', NULL, NULL, NULL),
        ('b', 'now', true, '0', NULL, NULL, NULL),
        ('b', 'inactive', true, '-7 hours', NULL, NULL, NULL),
        ('b', 'deleted', true, '-8 hours', NULL, NULL, NULL)
) AS j (slug, name, enabled, due, status, claimed, error) ON j.slug = t.slug;
INSERT INTO goclaw.agents (tenant_id, agent_key, owner_id, model, status, deleted_at)
SELECT '00000000-0000-4000-8000-00000000000b', name, 'u', 'm', status, deleted_at
FROM (
    VALUES ('inactive', 'inactive', NULL::timestamptz), ('deleted', 'active', now())
) AS a (name, status, deleted_at);
UPDATE goclaw.cron_jobs AS j
SET agent_id = a.id
FROM goclaw.agents AS a
WHERE a.tenant_id = j.tenant_id
    AND a.agent_key = j.name;
CREATE TEMPORARY TABLE before AS TABLE goclaw.cron_jobs;
GRANT SELECT ON before TO PUBLIC;

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT goclaw.claim_cron_jobs(%s)', arguments),
    '22023',
    message,
    format('%s: %s', arguments, message)
)
FROM (
    VALUES
        ('0', 'p_limit is not a number of jobs'),
        ('NULL', 'p_limit is not a number of jobs'),
        ('1, ''0''', 'p_lease is not a time of up to a year'),
        ('1, NULL', 'p_lease is not a time of up to a year'),
        ('1, ''300000 years''', 'p_lease is not a time of up to a year'),
        ('1, ''366 days''', 'p_lease is not a time of up to a year')
) AS attempt (arguments, message);
SELECT results_eq(
    $$ SELECT name::text, last_status::text, last_run_at > now(), last_error
       FROM goclaw.claim_cron_jobs(1) $$,
    $$ VALUES ('lost', 'running', true, 'the run before this one did not end') $$,
    'first comes what is due longest, here after a claim that lapsed, and it says so'
);
SELECT results_eq(
    $$ SELECT name::text, last_status::text, last_run_at > now(), last_error
       FROM goclaw.claim_cron_jobs(10) $$,
    $$ VALUES
        ('two hours', 'running', true, NULL),
        ('an hour', 'running', true, 'no model'),
        ('now', 'running', true, NULL) $$,
    'then the others that are due, of all tenants'
);
SELECT is_empty(
    $$ SELECT FROM goclaw.claim_cron_jobs(10) $$, 'what is claimed is not claimed again'
);
SELECT results_eq(
    $$ SELECT j.name::text, j.next_run_at
       FROM goclaw.cron_jobs AS j
       WHERE j.last_run_at > now()
       ORDER BY j.next_run_at $$,
    $$ SELECT name::text, next_run_at
       FROM before
       WHERE name IN ('lost', 'two hours', 'an hour', 'now')
       ORDER BY next_run_at $$,
    'a claim leaves when a job was due'
);
SELECT set_eq(
    $$ SELECT * FROM goclaw.cron_jobs
       WHERE name NOT IN ('lost', 'two hours', 'an hour', 'now') $$,
    $$ SELECT * FROM before WHERE name NOT IN ('lost', 'two hours', 'an hour', 'now') $$,
    'what runs, is off, is not due or is of a tenant or agent that is not served stays as it was'
);
SELECT results_eq(
    $$ SELECT name::text FROM goclaw.claim_cron_jobs(10, '5 minutes') $$,
    $$ VALUES ('running') $$,
    'whoever says that a claim holds for less gets what is claimed for longer'
);
CREATE TEMPORARY TABLE claim AS
SELECT clock_timestamp() AS began, last_run_at FROM goclaw.cron_jobs WHERE name = 'running';
SELECT results_eq(
    $$ SELECT name::text, j.last_run_at > c.last_run_at, j.last_run_at > c.began
       FROM claim AS c
       CROSS JOIN goclaw.claim_cron_jobs(10, '1 microsecond') AS j
       WHERE j.name = 'running' $$,
    $$ VALUES ('running', true, true) $$,
    'each claim has a name of its own, and a whole lease, also in an old transaction'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'goclaw.claim_cron_jobs(integer, interval)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'only the backend claims jobs'
);
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.claim_cron_jobs(1) $$,
    '42501',
    'permission denied for function claim_cron_jobs',
    'who works for one tenant has no business with the others'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: astra.renew_leases()    Docs: docs/schema/astra.md#renew-leases
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'renew_leases', ARRAY['uuid', 'interval'], 'integer',
    'it returns integer'
);
SELECT volatility_is(
    'astra', 'renew_leases', ARRAY['uuid', 'interval'], 'volatile',
    'it writes or locks'
);
SELECT isnt_definer(
    'astra', 'renew_leases', ARRAY['uuid', 'interval'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'renew_leases', ARRAY['uuid', 'interval'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.workers (org_id, id, hostname, last_heartbeat) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000061', 'host',
     '2026-01-01'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000062', 'other',
     '2026-01-01'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000069', 'theirs',
     '2026-01-01');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000031', 'Ship.');
UPDATE astra.goals SET status = 'active';
INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', 'mine'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
     '00000000-0000-4000-8000-000000000041', 'done'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000053',
     '00000000-0000-4000-8000-000000000041', 'theirs');
UPDATE astra.tasks
SET
    status = 'running',
    worker_id = CASE id
        WHEN '00000000-0000-4000-8000-000000000053' THEN '00000000-0000-4000-8000-000000000062'::uuid
        ELSE '00000000-0000-4000-8000-000000000061'
    END,
    lease_expires_at = '2026-01-01';
UPDATE astra.tasks SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000052';

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT astra.renew_leases('00000000-0000-4000-8000-000000000061') $$,
    '42501',
    'tenant is not set',
    'without a tenant nobody lives'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format('SELECT astra.renew_leases(%L)', id),
    'P0002',
    format('p_worker_id %s: no such worker', id),
    promise
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-0000000000ee', 'nobody is no worker'),
        ('00000000-0000-4000-8000-000000000069', 'nor is one of another organisation')
) AS attempt (id, promise);
SELECT throws_ok(
    format('SELECT astra.renew_leases(%L, %L)', '00000000-0000-4000-8000-000000000061', p_lease),
    '22023',
    NULL,
    format('no lease is renewed for %s', p_lease)
)
FROM unnest(ARRAY['0', '-1 minute', '31 days', NULL]) AS p_lease;
SELECT is(
    astra.renew_leases('00000000-0000-4000-8000-000000000061', '1 hour'), 1,
    'it says how many are renewed'
);
SELECT results_eq(
    $$ SELECT id, lease_expires_at > now() + interval '59 minutes'
       FROM astra.tasks
       ORDER BY id $$,
    $$ VALUES ('00000000-0000-4000-8000-000000000051'::uuid, true),
           ('00000000-0000-4000-8000-000000000052', NULL),
           ('00000000-0000-4000-8000-000000000053', false) $$,
    'what runs on the worker, and nothing else'
);
SELECT results_eq(
    $$ SELECT id, last_heartbeat >= now() FROM astra.workers ORDER BY id $$,
    $$ VALUES ('00000000-0000-4000-8000-000000000061'::uuid, true),
           ('00000000-0000-4000-8000-000000000062', false) $$,
    'the worker was heard of'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.renew_leases(uuid, interval)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

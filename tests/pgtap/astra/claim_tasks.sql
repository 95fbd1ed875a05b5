-- Subject: astra.claim_tasks()    Docs: docs/schema/astra.md#claim-tasks
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(21);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'claim_tasks', ARRAY['uuid', 'integer', 'interval'], 'setof record',
    'it returns a table'
);
SELECT volatility_is(
    'astra', 'claim_tasks', ARRAY['uuid', 'integer', 'interval'], 'volatile',
    'it writes or locks'
);
SELECT isnt_definer(
    'astra', 'claim_tasks', ARRAY['uuid', 'integer', 'interval'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'claim_tasks', ARRAY['uuid', 'integer', 'interval'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000032', 'theirs');
INSERT INTO astra.workers (org_id, id, hostname) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000061', 'host'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000069', 'theirs');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', 'First.'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000043',
     '00000000-0000-4000-8000-000000000031', 'Not yet.'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000049',
     '00000000-0000-4000-8000-000000000032', 'Theirs.');
UPDATE astra.goals SET status = 'active' WHERE id <> '00000000-0000-4000-8000-000000000043';
INSERT INTO astra.tasks (org_id, id, goal_id, type, priority, payload) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', 'low', 0, '{}'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
     '00000000-0000-4000-8000-000000000041', 'high', 5, '{"what": "this"}'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000053',
     '00000000-0000-4000-8000-000000000041', 'waits', 9, '{}'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000055',
     '00000000-0000-4000-8000-000000000043', 'not yet', 9, '{}'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000059',
     '00000000-0000-4000-8000-000000000049', 'theirs', 9, '{}');
INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000053', '00000000-0000-4000-8000-000000000051');

-- So that the order is not that of an index by chance.
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT * FROM astra.claim_tasks('00000000-0000-4000-8000-000000000061') $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is claimed'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format('SELECT * FROM astra.claim_tasks(%L)', id),
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
    format('SELECT * FROM astra.claim_tasks(%L, %L, %L)', '00000000-0000-4000-8000-000000000061',
        p_limit, p_lease),
    '22023',
    NULL,
    format('a claim of %s for %s is refused', p_limit, p_lease)
)
FROM (
    VALUES (0, '1 minute'), (1001, '1 minute'), (NULL, '1 minute'), (1, '0'), (1, NULL),
        (1, '31 days')
) AS attempt (p_limit, p_lease);
SELECT throws_ok(
    $$ UPDATE astra.tasks SET max_attempts = 0
       WHERE id = '00000000-0000-4000-8000-000000000052' $$,
    '23514',
    NULL,
    'no task is left pending that would end every claim with an error'
);
UPDATE astra.workers SET status = 'draining';
SELECT is_empty(
    $$ SELECT * FROM astra.claim_tasks('00000000-0000-4000-8000-000000000061') $$,
    'a worker that drains gets nothing'
);
UPDATE astra.workers SET status = 'active';

SELECT results_eq(
    $$ SELECT task_id, goal_id, type, payload, attempts,
           lease_expires_at BETWEEN now() + interval '1 hour'
               AND clock_timestamp() + interval '1 hour'
       FROM astra.claim_tasks('00000000-0000-4000-8000-000000000061', 1, '1 hour') $$,
    $$
       VALUES ('00000000-0000-4000-8000-000000000052'::uuid,
           '00000000-0000-4000-8000-000000000041'::uuid, 'high', '{"what": "this"}'::jsonb, 1,
           true) $$,
    'the most urgent that is ready is given first, for so long'
);
SELECT results_eq(
    $$ SELECT task_id FROM astra.claim_tasks('00000000-0000-4000-8000-000000000061', 1000) $$,
    ARRAY['00000000-0000-4000-8000-000000000051']::uuid[],
    'what waits, has another or is of a goal that has not started is not given'
);
SELECT is_empty(
    $$ SELECT * FROM astra.claim_tasks('00000000-0000-4000-8000-000000000061', 1000) $$,
    'nothing is given twice'
);
SELECT results_eq(
    $$ SELECT id, status, worker_id FROM astra.tasks WHERE status <> 'pending' ORDER BY id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-000000000051'::uuid, 'running',
         '00000000-0000-4000-8000-000000000061'::uuid),
         ('00000000-0000-4000-8000-000000000052', 'running',
          '00000000-0000-4000-8000-000000000061') $$,
    'who has it is on record'
);
UPDATE astra.tasks SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000051';
SELECT results_eq(
    $$ SELECT task_id FROM astra.claim_tasks('00000000-0000-4000-8000-000000000061', 1000) $$,
    ARRAY['00000000-0000-4000-8000-000000000053']::uuid[],
    'what waited is given when what it waited for is completed'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.claim_tasks(uuid, integer, interval)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

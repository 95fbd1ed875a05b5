-- Subject: astra.complete_task()    Docs: docs/schema/astra.md#complete-task
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'complete_task', ARRAY['uuid', 'uuid', 'jsonb', 'integer'], 'void',
    'it returns void'
);
SELECT volatility_is(
    'astra', 'complete_task', ARRAY['uuid', 'uuid', 'jsonb', 'integer'], 'volatile',
    'it writes or locks'
);
SELECT isnt_definer(
    'astra', 'complete_task', ARRAY['uuid', 'uuid', 'jsonb', 'integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'complete_task', ARRAY['uuid', 'uuid', 'jsonb', 'integer'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.workers (org_id, id, hostname) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000061', 'host'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000062', 'other');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000031', 'Ship.');
INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', 'one'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
     '00000000-0000-4000-8000-000000000041', 'two'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000053',
     '00000000-0000-4000-8000-000000000041', 'three');
INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000052', '00000000-0000-4000-8000-000000000051');
UPDATE astra.goals SET status = 'active';

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT astra.complete_task('00000000-0000-4000-8000-000000000061',
           '00000000-0000-4000-8000-000000000051') $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing ends'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format('SELECT astra.complete_task(%L, %L)', '00000000-0000-4000-8000-000000000061', id),
    'MU417',
    format('p_task_id %s: the task is not with worker 00000000-0000-4000-8000-000000000061', id),
    promise
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-0000000000ee', 'nor does what is not there'),
        ('00000000-0000-4000-8000-000000000051', 'or was not claimed')
) AS attempt (id, promise);
SELECT FROM astra.claim_tasks('00000000-0000-4000-8000-000000000061', 2);
SELECT throws_ok(
    $$ SELECT astra.complete_task('00000000-0000-4000-8000-000000000061',
           '00000000-0000-4000-8000-000000000051', '{"text": "old"}', 2) $$,
    'MU417',
    NULL,
    'nor does another attempt of the same worker'
);
SELECT throws_ok(
    $$ SELECT astra.complete_task('00000000-0000-4000-8000-000000000062',
           '00000000-0000-4000-8000-000000000051') $$,
    'MU417',
    NULL,
    'only who has a task completes it'
);
SELECT lives_ok(
    $$ SELECT astra.complete_task('00000000-0000-4000-8000-000000000061',
           '00000000-0000-4000-8000-000000000051', '{"text": "done"}', 1) $$,
    'and does'
);
SELECT results_eq(
    $$ SELECT id, status, result, blockers FROM astra.tasks ORDER BY id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-000000000051'::uuid, 'completed', '{"text": "done"}'::jsonb, 0),
        ('00000000-0000-4000-8000-000000000052', 'pending', NULL, 0),
        ('00000000-0000-4000-8000-000000000053', 'running', NULL, 0) $$,
    'the result is kept, what waited is ready, and what else the worker has goes on'
);
SELECT throws_ok(
    $$ SELECT astra.complete_task('00000000-0000-4000-8000-000000000061',
           '00000000-0000-4000-8000-000000000051') $$,
    'MU417', NULL, 'once'
);
SELECT FROM astra.claim_tasks('00000000-0000-4000-8000-000000000061');
DO $$
BEGIN
    PERFORM astra.complete_task('00000000-0000-4000-8000-000000000061',
        '00000000-0000-4000-8000-000000000052');
    PERFORM astra.complete_task('00000000-0000-4000-8000-000000000061',
        '00000000-0000-4000-8000-000000000053');
END;
$$;
SELECT is((SELECT status FROM astra.goals), 'completed', 'the last one completes the goal');

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.complete_task(uuid, uuid, jsonb, integer)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

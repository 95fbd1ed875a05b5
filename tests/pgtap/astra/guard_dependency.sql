-- Subject: astra.guard_dependency()    Docs: docs/schema/astra.md#guard-dependency
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(17);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'guard_dependency', '{}'::text[], 'trigger', 'it is for triggers');
SELECT volatility_is('astra', 'guard_dependency', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer(
    'astra', 'guard_dependency', '{}'::text[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'guard_dependency', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.workers (org_id, id, hostname)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000061', 'host');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', 'Ship.'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
     '00000000-0000-4000-8000-000000000031', 'Other.');
INSERT INTO astra.tasks (org_id, id, goal_id, type)
SELECT '00000000-0000-4000-8000-00000000000a', ('00000000-0000-4000-8000-0000000000' || id)::uuid,
'00000000-0000-4000-8000-000000000041', 'step'
FROM unnest(ARRAY['51', '52', '53', '54', '55']) AS id;
INSERT INTO astra.tasks (org_id, id, goal_id, type)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000059',
    '00000000-0000-4000-8000-000000000042', 'step');
INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000052', '00000000-0000-4000-8000-000000000051'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000053', '00000000-0000-4000-8000-000000000052'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000053', '00000000-0000-4000-8000-000000000051'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000054', '00000000-0000-4000-8000-000000000053');

SELECT throws_ok(
    format(
        'INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) '
        'VALUES (%L, %L, %L, %L)',
        '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
        '00000000-0000-4000-8000-000000000051', depends_on
    ),
    'MU411',
    format('depends_on %s: it waits for task 00000000-0000-4000-8000-000000000051 itself',
        depends_on),
    promise
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-000000000052', 'two do not wait for each other'),
        ('00000000-0000-4000-8000-000000000054', 'nor do more in a circle')
) AS attempt (depends_on, promise);
SELECT throws_ok(
    $$ INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
           ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
            '00000000-0000-4000-8000-000000000055', '00000000-0000-4000-8000-000000000054'),
           ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
            '00000000-0000-4000-8000-000000000051', '00000000-0000-4000-8000-000000000055') $$,
    'MU411',
    NULL,
    'nor does one statement close a circle'
);
SELECT lives_ok(
    $$ INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
           ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
            '00000000-0000-4000-8000-000000000054', '00000000-0000-4000-8000-000000000051'),
           ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
            '00000000-0000-4000-8000-000000000055', '00000000-0000-4000-8000-000000000052') $$,
    'ways that meet again are no circle'
);
INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000056',
     '00000000-0000-4000-8000-000000000041', 'step'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000057',
     '00000000-0000-4000-8000-000000000041', 'step');
INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000057', '00000000-0000-4000-8000-000000000056');
SELECT lives_ok(
    $$ INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
           '00000000-0000-4000-8000-000000000052', '00000000-0000-4000-8000-000000000057') $$,
    'nor is it one that something waits at both ends'
);
SELECT throws_ok(
    $$ INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
           '00000000-0000-4000-8000-000000000055', '00000000-0000-4000-8000-000000000059') $$,
    '23503',
    NULL,
    'a task waits for tasks of its goal only'
);
INSERT INTO astra.tasks (org_id, id, goal_id, type)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000058',
    '00000000-0000-4000-8000-000000000041', 'step');
INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000058', '00000000-0000-4000-8000-000000000051');
UPDATE astra.goals SET status = 'active' WHERE id = '00000000-0000-4000-8000-000000000041';
UPDATE astra.tasks
SET status = 'running', worker_id = '00000000-0000-4000-8000-000000000061',
lease_expires_at = now() + interval '1 minute'
WHERE id = '00000000-0000-4000-8000-000000000051';
SELECT throws_ok(
    $$ INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
           '00000000-0000-4000-8000-000000000051', '00000000-0000-4000-8000-000000000055') $$,
    'MU412',
    'task_id 00000000-0000-4000-8000-000000000051: the task is running',
    'what has begun is not made to wait'
);
UPDATE astra.tasks SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000051';
UPDATE astra.tasks SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000054';
UPDATE astra.tasks
SET status = 'running', worker_id = '00000000-0000-4000-8000-000000000061',
lease_expires_at = now() + interval '1 minute'
WHERE id = '00000000-0000-4000-8000-000000000058';
SELECT throws_ok(
    format('DELETE FROM astra.task_dependencies WHERE task_id = %L', id),
    'MU412',
    format('task_id %s: the task is %s', id, status),
    promise
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-000000000058', 'running',
         'what a task waited for that has begun is on record'),
        ('00000000-0000-4000-8000-000000000054', 'cancelled', 'and what one that has ended did')
) AS attempt (id, status, promise);
SELECT lives_ok(
    $$ DELETE FROM astra.task_dependencies
       WHERE task_id = '00000000-0000-4000-8000-000000000053'
           AND depends_on = '00000000-0000-4000-8000-000000000051' $$,
    'one that is pending can be made to wait for less'
);
UPDATE astra.tasks SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000053';
SELECT throws_ok(
    $$ INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
           '00000000-0000-4000-8000-000000000055', '00000000-0000-4000-8000-000000000053') $$,
    'MU412',
    'depends_on 00000000-0000-4000-8000-000000000053: the task is cancelled',
    'nothing waits for what will never be completed'
);
UPDATE astra.goals SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000042';
SELECT throws_ok(
    $$ INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
           '00000000-0000-4000-8000-000000000059', '00000000-0000-4000-8000-000000000059') $$,
    'MU412',
    'goal_id 00000000-0000-4000-8000-000000000042: the goal has ended',
    'the plan of a goal that has ended stays as it is'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.guard_dependency()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: astra.settle_task()    Docs: docs/schema/astra.md#settle-task
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(18);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'settle_task', '{}'::text[], 'trigger', 'it is for triggers');
SELECT volatility_is('astra', 'settle_task', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer('astra', 'settle_task', '{}'::text[], 'it acts with the rights of its caller');
SELECT function_owner_is(
    'astra', 'settle_task', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.workers (org_id, id, hostname)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000061', 'host');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000031', 'Ship.');
-- What this does is no matter of the other goal, nor the other way round.
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
    '00000000-0000-4000-8000-000000000031', 'Other.');
INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000058',
     '00000000-0000-4000-8000-000000000042', 'other'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000059',
     '00000000-0000-4000-8000-000000000042', 'after it');
INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
     '00000000-0000-4000-8000-000000000059', '00000000-0000-4000-8000-000000000058');
INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', 'one'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
     '00000000-0000-4000-8000-000000000041', 'two'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000053',
     '00000000-0000-4000-8000-000000000041', 'after both');
INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000053', '00000000-0000-4000-8000-000000000051'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000053', '00000000-0000-4000-8000-000000000052');
UPDATE astra.goals SET status = 'active';
UPDATE astra.tasks
SET status = 'running', worker_id = '00000000-0000-4000-8000-000000000061',
lease_expires_at = now() + interval '1 minute'
WHERE blockers = 0
    AND goal_id = '00000000-0000-4000-8000-000000000041';

SAVEPOINT here;
UPDATE astra.tasks SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000051';
SELECT is(
    (SELECT blockers FROM astra.tasks WHERE id = '00000000-0000-4000-8000-000000000053'), 1,
    'what is done is waited for no more'
);
UPDATE astra.tasks SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000052';
SELECT is(
    (SELECT blockers FROM astra.tasks WHERE id = '00000000-0000-4000-8000-000000000053'), 0,
    'the last one makes it ready'
);
SELECT is(
    (SELECT status FROM astra.goals WHERE id = '00000000-0000-4000-8000-000000000041'), 'active',
    'a task is left, so the goal goes on'
);
UPDATE astra.tasks
SET status = 'running', worker_id = '00000000-0000-4000-8000-000000000061',
lease_expires_at = now() + interval '1 minute'
WHERE id = '00000000-0000-4000-8000-000000000053';
UPDATE astra.tasks SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000053';
SELECT is(
    (SELECT status FROM astra.goals WHERE id = '00000000-0000-4000-8000-000000000041'), 'completed',
    'the last task completes the goal'
);
ROLLBACK TO here;

UPDATE astra.tasks SET status = 'completed'
WHERE id IN ('00000000-0000-4000-8000-000000000051', '00000000-0000-4000-8000-000000000052');
SELECT is(
    (SELECT blockers FROM astra.tasks WHERE id = '00000000-0000-4000-8000-000000000053'), 0,
    'two in one statement count as two'
);
ROLLBACK TO here;

UPDATE astra.tasks SET status = 'failed' WHERE id = '00000000-0000-4000-8000-000000000051';
SELECT results_eq(
    $$ SELECT g.status, t.id, t.status
       FROM astra.goals AS g
       INNER JOIN astra.tasks AS t ON t.goal_id = g.id
       WHERE g.id = '00000000-0000-4000-8000-000000000041'
       ORDER BY t.id $$,
    $$ VALUES
        ('failed', '00000000-0000-4000-8000-000000000051'::uuid, 'failed'),
        ('failed', '00000000-0000-4000-8000-000000000052', 'running'),
        ('failed', '00000000-0000-4000-8000-000000000053', 'cancelled') $$,
    'a task that fails for good fails its goal, and what would have waited for it is cancelled'
);
UPDATE astra.tasks SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000052';
SELECT results_eq(
    $$ SELECT id, status FROM astra.goals ORDER BY id $$,
    $$ VALUES ('00000000-0000-4000-8000-000000000041'::uuid, 'failed'),
           ('00000000-0000-4000-8000-000000000042', 'active') $$,
    'what is completed afterwards changes nothing, and other goals go on'
);
ROLLBACK TO here;

UPDATE astra.tasks SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000053';
UPDATE astra.tasks SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000051';
UPDATE astra.tasks SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000052';
SELECT is(
    (SELECT status FROM astra.goals WHERE id = '00000000-0000-4000-8000-000000000041'), 'completed',
    'a cancelled task is not waited for'
);
ROLLBACK TO here;

-- A chain of its own, and one that waits for its begin and for what is done elsewhere.
INSERT INTO astra.tasks (org_id, id, goal_id, type)
SELECT '00000000-0000-4000-8000-00000000000a', ('00000000-0000-4000-8000-0000000000' || id)::uuid,
'00000000-0000-4000-8000-000000000041', 'step'
FROM unnest(ARRAY['54', '55', '56', '57']) AS id;
INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)
SELECT '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
('00000000-0000-4000-8000-0000000000' || task)::uuid,
('00000000-0000-4000-8000-0000000000' || depends_on)::uuid
FROM (
    VALUES ('55', '54'), ('56', '55'), ('57', '54'), ('57', '51'), ('56', '54')
) AS dependency (task, depends_on);
UPDATE astra.tasks SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000054';
SELECT results_eq(
    $$ SELECT id, status FROM astra.tasks
       WHERE goal_id = '00000000-0000-4000-8000-000000000041'
       ORDER BY id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-000000000051'::uuid, 'running'),
        ('00000000-0000-4000-8000-000000000052', 'running'),
        ('00000000-0000-4000-8000-000000000053', 'pending'),
        ('00000000-0000-4000-8000-000000000054', 'cancelled'),
        ('00000000-0000-4000-8000-000000000055', 'cancelled'),
        ('00000000-0000-4000-8000-000000000056', 'cancelled'),
        ('00000000-0000-4000-8000-000000000057', 'cancelled') $$,
    'what waits for a cancelled task is cancelled with it, however far away, and nothing else'
);
SELECT is(
    (SELECT count(*) FROM astra.events WHERE event_type = 'task.cancelled'), 4::bigint,
    'each of them once'
);
ROLLBACK TO here;

UPDATE astra.tasks SET status = 'completed'
WHERE id IN ('00000000-0000-4000-8000-000000000051', '00000000-0000-4000-8000-000000000052');
UPDATE astra.tasks SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000053';
SELECT is(
    (SELECT status FROM astra.goals WHERE id = '00000000-0000-4000-8000-000000000041'), 'completed',
    'a goal is completed, too, when the last task of several is cancelled'
);
SAVEPOINT here;
UPDATE astra.tasks SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000058';
SELECT results_eq(
    $$ SELECT g.status, t.status
       FROM astra.goals AS g
       INNER JOIN astra.tasks AS t ON t.goal_id = g.id
       WHERE g.id = '00000000-0000-4000-8000-000000000042' $$,
    $$ VALUES ('active', 'cancelled'), ('active', 'cancelled') $$,
    'a goal of which nothing was done is not completed by giving it up'
);
ROLLBACK TO here;
SELECT results_eq(
    $$ SELECT g.status, t.id, t.status, t.blockers
       FROM astra.goals AS g
       INNER JOIN astra.tasks AS t ON t.goal_id = g.id
       WHERE g.id = '00000000-0000-4000-8000-000000000042'
       ORDER BY t.id $$,
    $$ VALUES
        ('active', '00000000-0000-4000-8000-000000000058'::uuid, 'pending', 0),
        ('active', '00000000-0000-4000-8000-000000000059', 'pending', 1) $$,
    'the other goal is as it was'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.settle_task()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

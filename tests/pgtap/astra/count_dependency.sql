-- Subject: astra.count_dependency()    Docs: docs/schema/astra.md#count-dependency
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'count_dependency', '{}'::text[], 'trigger', 'it is for triggers');
SELECT volatility_is('astra', 'count_dependency', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer(
    'astra', 'count_dependency', '{}'::text[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'count_dependency', '{}'::text[], 'muniment_owner',
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
UPDATE astra.goals SET status = 'active';
INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', 'done'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
     '00000000-0000-4000-8000-000000000041', 'open'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000053',
     '00000000-0000-4000-8000-000000000041', 'waits');
UPDATE astra.tasks
SET status = 'running', worker_id = '00000000-0000-4000-8000-000000000061',
lease_expires_at = now() + interval '1 minute'
WHERE id = '00000000-0000-4000-8000-000000000051';
UPDATE astra.tasks SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000051';

INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000053', '00000000-0000-4000-8000-000000000051'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000053', '00000000-0000-4000-8000-000000000052');
SELECT is(
    (SELECT blockers FROM astra.tasks WHERE id = '00000000-0000-4000-8000-000000000053'),
    1,
    'a task waits for what is not completed, and not for what is'
);
SELECT lives_ok(
    $$ INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
           '00000000-0000-4000-8000-000000000053', '00000000-0000-4000-8000-000000000052')
       ON CONFLICT DO NOTHING $$,
    'what is there already is not counted again'
);
DELETE FROM astra.task_dependencies WHERE depends_on = '00000000-0000-4000-8000-000000000051';
SELECT is(
    (SELECT blockers FROM astra.tasks WHERE id = '00000000-0000-4000-8000-000000000053'),
    1,
    'without a dependency that was not waited for, it waits for as many'
);
DELETE FROM astra.task_dependencies WHERE depends_on = '00000000-0000-4000-8000-000000000052';
SELECT is(
    (SELECT blockers FROM astra.tasks WHERE id = '00000000-0000-4000-8000-000000000053'), 0,
    'and without the other, for none'
);
-- What is left is counted anew: one that is completed, one that is not, one approval that is
-- pending and one that is not.
INSERT INTO astra.users (org_id, id, email)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011',
    'ann@example.org');
INSERT INTO astra.org_memberships (org_id, user_id)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011');
INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000054',
     '00000000-0000-4000-8000-000000000041', 'open too'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000055',
     '00000000-0000-4000-8000-000000000041', 'waits too');
INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000053', '00000000-0000-4000-8000-000000000051'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000053', '00000000-0000-4000-8000-000000000052'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000053', '00000000-0000-4000-8000-000000000054'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000055', '00000000-0000-4000-8000-000000000054');
INSERT INTO astra.approval_requests (org_id, id, request_type, goal_id, task_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081', 'risky_task',
     '00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000053'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082', 'risky_task',
     '00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000053'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000083', 'risky_task',
     '00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000055');
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082',
     '00000000-0000-4000-8000-000000000011', 'approved');
DELETE FROM astra.task_dependencies WHERE task_id = '00000000-0000-4000-8000-000000000053'
AND depends_on = '00000000-0000-4000-8000-000000000054';
SELECT results_eq(
    $$ SELECT id, blockers FROM astra.tasks
       WHERE id IN ('00000000-0000-4000-8000-000000000053', '00000000-0000-4000-8000-000000000055')
       ORDER BY id $$,
    $$ VALUES ('00000000-0000-4000-8000-000000000053'::uuid, 2),
           ('00000000-0000-4000-8000-000000000055', 2) $$,
    'a task waits for what is left, and others for what they waited for'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.count_dependency()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: astra.settle_approval()    Docs: docs/schema/astra.md#settle-approval
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'settle_approval', '{}'::text[], 'trigger', 'it is for triggers');
SELECT volatility_is('astra', 'settle_approval', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer(
    'astra', 'settle_approval', '{}'::text[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'settle_approval', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.users (org_id, id, email)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011',
    'ann@example.org');
INSERT INTO astra.org_memberships (org_id, user_id)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.workers (org_id, id, hostname)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000061', 'host');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000031', 'Ship.');
INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', 'risky'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
     '00000000-0000-4000-8000-000000000041', 'other');
UPDATE astra.goals SET status = 'active';

SELECT throws_ok(
    $$ INSERT INTO astra.approval_requests (org_id, request_type, goal_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'plan',
           '00000000-0000-4000-8000-000000000041') $$,
    'MU412',
    'plan of goal 00000000-0000-4000-8000-000000000041: the goal is active',
    'a plan is approved before its goal starts, or not at all'
);
SELECT throws_ok(
    format(
        'INSERT INTO astra.approval_requests '
        '(org_id, request_type, goal_id, task_id, status, approvals, decided_at) '
        'VALUES (%L, %L, %L, %L, %L, %L, %L)',
        '00000000-0000-4000-8000-00000000000a', 'risky_task',
        '00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000051', status,
        approvals, decided_at
    ),
    'MU412',
    NULL,
    promise
)
FROM (
    VALUES
        ('approved', '[{}]', now(), 'no request is born approved'),
        ('pending', '[{}]', NULL, 'or half approved')
) AS attempt (status, approvals, decided_at, promise);
INSERT INTO astra.approval_requests (org_id, id, request_type, goal_id, task_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081', 'risky_task',
     '00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000051'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082', 'risky_task',
     '00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000051');
SELECT is(
    (SELECT blockers FROM astra.tasks WHERE id = '00000000-0000-4000-8000-000000000051'), 2,
    'each request blocks the task'
);
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
     '00000000-0000-4000-8000-000000000011', 'approved');
SELECT is(
    (SELECT blockers FROM astra.tasks WHERE id = '00000000-0000-4000-8000-000000000051'), 1,
    'until it is approved'
);
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082',
     '00000000-0000-4000-8000-000000000011', 'rejected');
SELECT results_eq(
    $$ SELECT t.id, t.status, t.error, g.status
       FROM astra.tasks AS t
       INNER JOIN astra.goals AS g ON g.id = t.goal_id
       ORDER BY t.id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-000000000051'::uuid, 'failed', 'approval was rejected', 'failed'),
        ('00000000-0000-4000-8000-000000000052', 'cancelled', NULL, 'failed') $$,
    'a rejected one fails the task, and the goal with it'
);

INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
    '00000000-0000-4000-8000-000000000031', 'Again.');
UPDATE astra.goals SET status = 'active' WHERE id = '00000000-0000-4000-8000-000000000042';
INSERT INTO astra.tasks (org_id, id, goal_id, type)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000053',
    '00000000-0000-4000-8000-000000000042', 'risky');
UPDATE astra.tasks
SET status = 'running', worker_id = '00000000-0000-4000-8000-000000000061',
lease_expires_at = now() + interval '1 minute'
WHERE id = '00000000-0000-4000-8000-000000000053';
SELECT throws_ok(
    $$ INSERT INTO astra.approval_requests (org_id, request_type, goal_id, task_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'risky_task',
           '00000000-0000-4000-8000-000000000042', '00000000-0000-4000-8000-000000000053') $$,
    'MU412',
    'task_id 00000000-0000-4000-8000-000000000053: the task is running',
    'nobody is asked when it is too late'
);
INSERT INTO astra.users (org_id, id, email)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000012',
    'bob@example.org');
INSERT INTO astra.tasks (org_id, id, goal_id, type)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000054',
    '00000000-0000-4000-8000-000000000042', 'very risky');
INSERT INTO astra.approval_requests (
    org_id, id, request_type, goal_id, task_id, required_approvals
)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000083',
    'risky_task', '00000000-0000-4000-8000-000000000042', '00000000-0000-4000-8000-000000000054',
    2);
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000083',
     '00000000-0000-4000-8000-000000000011', 'approved');
SELECT results_eq(
    $$ SELECT status, blockers FROM astra.tasks
       WHERE id = '00000000-0000-4000-8000-000000000054' $$,
    $$ VALUES ('pending', 1) $$,
    'half an approval changes nothing'
);

INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000055',
     '00000000-0000-4000-8000-000000000042', 'too late'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000056',
     '00000000-0000-4000-8000-000000000042', 'too late');
INSERT INTO astra.approval_requests (org_id, id, request_type, goal_id, task_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000084', 'risky_task',
     '00000000-0000-4000-8000-000000000042', '00000000-0000-4000-8000-000000000055'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000085', 'risky_task',
     '00000000-0000-4000-8000-000000000042', '00000000-0000-4000-8000-000000000056');
UPDATE astra.goals SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000042';
SELECT lives_ok(
    $$ INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
           ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000084',
            '00000000-0000-4000-8000-000000000011', 'approved'),
           ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000085',
            '00000000-0000-4000-8000-000000000011', 'rejected') $$,
    'a request outlives what it is about'
);
SELECT results_eq(
    $$ SELECT status, blockers, error
       FROM astra.tasks
       WHERE id IN (
           '00000000-0000-4000-8000-000000000055', '00000000-0000-4000-8000-000000000056'
       ) $$,
    $$ VALUES ('cancelled', 1, NULL::text), ('cancelled', 1, NULL) $$,
    'and what has ended stays as it is'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.settle_approval()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

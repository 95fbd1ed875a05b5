-- Subject: astra.settle_goal()    Docs: docs/schema/astra.md#settle-goal
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'settle_goal', '{}'::text[], 'trigger', 'it is for triggers');
SELECT volatility_is('astra', 'settle_goal', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer('astra', 'settle_goal', '{}'::text[], 'it acts with the rights of its caller');
SELECT function_owner_is(
    'astra', 'settle_goal', '{}'::text[], 'muniment_owner',
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
     '00000000-0000-4000-8000-000000000031', 'First.'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
     '00000000-0000-4000-8000-000000000031', 'Second.');
INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', 'write'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
     '00000000-0000-4000-8000-000000000041', 'read'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000053',
     '00000000-0000-4000-8000-000000000042', 'read');

UPDATE astra.goals SET status = 'active' WHERE id = '00000000-0000-4000-8000-000000000041';
SELECT results_eq(
    $$ SELECT id, blockers FROM astra.tasks ORDER BY id $$,
    $$ VALUES ('00000000-0000-4000-8000-000000000051'::uuid, 0),
           ('00000000-0000-4000-8000-000000000052', 0),
           ('00000000-0000-4000-8000-000000000053', 1) $$,
    'a goal that starts takes a blocker from its tasks, and from no others'
);
UPDATE astra.tasks
SET status = 'running', worker_id = '00000000-0000-4000-8000-000000000061',
lease_expires_at = now() + interval '1 minute'
WHERE id = '00000000-0000-4000-8000-000000000051';
SAVEPOINT here;
UPDATE astra.goals SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000041';
SELECT results_eq(
    $$ SELECT id, status FROM astra.tasks ORDER BY id $$,
    $$ VALUES ('00000000-0000-4000-8000-000000000051'::uuid, 'running'),
           ('00000000-0000-4000-8000-000000000052', 'cancelled'),
           ('00000000-0000-4000-8000-000000000053', 'pending') $$,
    'a goal that is cancelled takes its pending tasks along; what runs is left to its worker'
);
ROLLBACK TO here;
UPDATE astra.goals SET status = 'failed'
WHERE id IN ('00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000042');
SELECT results_eq(
    $$ SELECT id, status FROM astra.tasks ORDER BY id $$,
    $$ VALUES ('00000000-0000-4000-8000-000000000051'::uuid, 'running'),
           ('00000000-0000-4000-8000-000000000052', 'cancelled'),
           ('00000000-0000-4000-8000-000000000053', 'cancelled') $$,
    'so does one that fails'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.settle_goal()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: astra.fail_task()    Docs: docs/schema/astra.md#fail-task
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'fail_task', ARRAY['uuid', 'uuid', 'text', 'boolean', 'integer'], 'text',
    'it returns text'
);
SELECT volatility_is(
    'astra', 'fail_task', ARRAY['uuid', 'uuid', 'text', 'boolean', 'integer'], 'volatile',
    'it writes or locks'
);
SELECT isnt_definer(
    'astra', 'fail_task', ARRAY['uuid', 'uuid', 'text', 'boolean', 'integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'fail_task', ARRAY['uuid', 'uuid', 'text', 'boolean', 'integer'], 'muniment_owner',
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
INSERT INTO astra.tasks (org_id, id, goal_id, type, max_attempts, priority) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', 'shaky', 2, 1),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
     '00000000-0000-4000-8000-000000000041', 'other', 2, 0);
UPDATE astra.goals SET status = 'active';

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT astra.fail_task('00000000-0000-4000-8000-000000000061',
           '00000000-0000-4000-8000-000000000051', 'oops') $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing fails'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    $$ SELECT astra.fail_task('00000000-0000-4000-8000-000000000061',
           '00000000-0000-4000-8000-000000000051', 'oops') $$,
    'MU417',
    'p_task_id 00000000-0000-4000-8000-000000000051: the task is not with worker '
    '00000000-0000-4000-8000-000000000061',
    'nor what was not claimed'
);
SELECT FROM astra.claim_tasks('00000000-0000-4000-8000-000000000061');
SELECT throws_ok(
    $$ SELECT astra.fail_task('00000000-0000-4000-8000-000000000062',
           '00000000-0000-4000-8000-000000000051', 'oops') $$,
    'MU417',
    NULL,
    'only who has a task fails it'
);
SELECT is(
    astra.fail_task('00000000-0000-4000-8000-000000000061', '00000000-0000-4000-8000-000000000051',
        'oops', NULL), 'pending', 'one attempt of two is tried again, unless it is said not to be'
);
SELECT is(
    (SELECT error FROM astra.tasks WHERE id = '00000000-0000-4000-8000-000000000051'), 'oops',
    'it is said why'
);
SELECT throws_ok(
    $$ SELECT astra.fail_task('00000000-0000-4000-8000-000000000061',
           '00000000-0000-4000-8000-000000000051', 'oops') $$,
    'MU417', NULL, 'an attempt fails once'
);
SELECT FROM astra.claim_tasks('00000000-0000-4000-8000-000000000061', 2);
SELECT throws_ok(
    $$ SELECT astra.fail_task('00000000-0000-4000-8000-000000000061',
           '00000000-0000-4000-8000-000000000051', 'of the first', true, 1) $$,
    'MU417',
    NULL,
    'the first attempt says nothing of the second'
);
SAVEPOINT here;
SELECT is(
    astra.fail_task('00000000-0000-4000-8000-000000000061', '00000000-0000-4000-8000-000000000051',
        'again', true, 2), 'failed', 'the last attempt is the last'
);
SELECT is((SELECT status FROM astra.goals), 'failed', 'and fails the goal');
SELECT is(
    astra.fail_task('00000000-0000-4000-8000-000000000061', '00000000-0000-4000-8000-000000000052',
        'too late'),
    'cancelled',
    'what is to be tried again for a goal that has failed is cancelled'
);
ROLLBACK TO here;
SELECT is(
    astra.fail_task('00000000-0000-4000-8000-000000000061', '00000000-0000-4000-8000-000000000052',
        'never', false),
    'failed',
    'what is not to be tried again is failed at once'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.fail_task(uuid, uuid, text, boolean, integer)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

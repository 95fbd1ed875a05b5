-- Subject: astra.guard_task()    Docs: docs/schema/astra.md#guard-task
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(36);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'guard_task', '{}'::text[], 'trigger', 'it is for triggers');
SELECT volatility_is('astra', 'guard_task', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer('astra', 'guard_task', '{}'::text[], 'it acts with the rights of its caller');
SELECT function_owner_is(
    'astra', 'guard_task', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name, priority) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner', 5),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'helper', 7);
INSERT INTO astra.workers (org_id, id, hostname)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000061', 'host');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', 'Later.'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
     '00000000-0000-4000-8000-000000000031', 'Now.'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000043',
     '00000000-0000-4000-8000-000000000031', 'Never.');
UPDATE astra.goals SET status = 'active' WHERE id = '00000000-0000-4000-8000-000000000042';
UPDATE astra.goals SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000043';

INSERT INTO astra.tasks (org_id, id, goal_id, agent_id, type, priority, blockers, attempts) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', NULL, 'write', NULL, 0, 2),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
     '00000000-0000-4000-8000-000000000042', NULL, 'write', 1, 9, 2),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000053',
     '00000000-0000-4000-8000-000000000042', '00000000-0000-4000-8000-000000000032', 'write', NULL,
     9, 2);
SELECT results_eq(
    $$ SELECT id, blockers, attempts, priority FROM astra.tasks ORDER BY id $$,
    $$ VALUES ('00000000-0000-4000-8000-000000000051'::uuid, 1, 0, 5),
           ('00000000-0000-4000-8000-000000000052', 0, 0, 1),
           ('00000000-0000-4000-8000-000000000053', 0, 0, 7) $$,
    'a task begins with a blocker unless its goal is active, and with the priority of its agent'
);
SELECT throws_ok(
    $$ INSERT INTO astra.tasks (org_id, goal_id, type)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000043',
           'write') $$,
    'MU412',
    'task of goal 00000000-0000-4000-8000-000000000043: it cannot begin as pending, the goal is '
    'cancelled',
    'a goal that has ended gets no more tasks'
);
SELECT throws_ok(
    $$ INSERT INTO astra.tasks (org_id, goal_id, type, status, finished_at)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
           'write', 'completed', now()) $$,
    'MU412',
    NULL,
    'no task is born completed'
);
SELECT throws_ok(
    $$ INSERT INTO astra.tasks (org_id, goal_id, type)
       VALUES (
           '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000ee', 'write'
       ) $$,
    '23503',
    NULL,
    'a goal that is not there is left to the reference'
);
SELECT throws_ok(
    $$ UPDATE astra.tasks SET goal_id = '00000000-0000-4000-8000-000000000042'
       WHERE id = '00000000-0000-4000-8000-000000000051' $$,
    'MU412',
    'task 00000000-0000-4000-8000-000000000051: goal_id never changes',
    'a task stays with its goal'
);

-- Every pair of states, on a task that is brought into the first by hand.
CREATE TEMPORARY TABLE outcome AS
SELECT
    old.status AS old,
    new.status AS new,
    NULL::text AS answer
FROM unnest(ARRAY['pending', 'running', 'completed', 'failed', 'cancelled']) AS old (status)
CROSS JOIN unnest(ARRAY['pending', 'running', 'completed', 'failed', 'cancelled']) AS new (status)
WHERE old.status <> new.status;
DO $$
DECLARE
    v_pair outcome;
BEGIN
    FOR v_pair IN SELECT * FROM outcome LOOP
        ALTER TABLE astra.tasks DISABLE TRIGGER USER;
        UPDATE astra.tasks
        SET
            status = v_pair.old,
            worker_id = '00000000-0000-4000-8000-000000000061',
            lease_expires_at = CASE v_pair.old WHEN 'running' THEN now() END,
            finished_at = CASE WHEN v_pair.old NOT IN ('pending', 'running') THEN now() END
        WHERE id = '00000000-0000-4000-8000-000000000052';
        ALTER TABLE astra.tasks ENABLE TRIGGER USER;
        ALTER TABLE astra.tasks DISABLE TRIGGER tasks_settle_tg;
        BEGIN
            UPDATE astra.tasks
            SET
                status = v_pair.new,
                lease_expires_at = CASE v_pair.new WHEN 'running' THEN now() END
            WHERE id = '00000000-0000-4000-8000-000000000052';
            UPDATE outcome SET answer = 'yes' WHERE old = v_pair.old AND new = v_pair.new;
        EXCEPTION
            WHEN OTHERS THEN
                UPDATE outcome SET answer = SQLSTATE WHERE old = v_pair.old AND new = v_pair.new;
        END;
    END LOOP;
END;
$$;
ALTER TABLE astra.tasks ENABLE TRIGGER tasks_settle_tg;
SELECT set_eq(
    $$ SELECT old, new FROM outcome WHERE answer = 'yes' $$,
    $$ VALUES
        ('pending', 'running'), ('pending', 'failed'), ('pending', 'cancelled'),
        ('running', 'completed'), ('running', 'failed'), ('running', 'pending') $$,
    'a task runs, ends, or comes back'
);
SELECT is_empty(
    $$ SELECT * FROM outcome WHERE answer NOT IN ('yes', 'MU412') $$,
    'every other change is refused by name'
);

UPDATE astra.tasks
SET status = 'running', worker_id = '00000000-0000-4000-8000-000000000061',
lease_expires_at = now() + interval '1 minute'
WHERE id = '00000000-0000-4000-8000-000000000053';
SELECT results_eq(
    $$ SELECT attempts, started_at IS NOT NULL, finished_at FROM astra.tasks
       WHERE id = '00000000-0000-4000-8000-000000000053' $$,
    $$ VALUES (1, true, NULL::timestamptz) $$,
    'a claim is an attempt, and dated'
);
SAVEPOINT here;
UPDATE astra.tasks SET status = 'pending' WHERE id = '00000000-0000-4000-8000-000000000053';
SELECT results_eq(
    $$ SELECT status, attempts, worker_id, lease_expires_at FROM astra.tasks
       WHERE id = '00000000-0000-4000-8000-000000000053' $$,
    $$ VALUES ('pending', 1, '00000000-0000-4000-8000-000000000061'::uuid, NULL::timestamptz) $$,
    'what comes back has no lease'
);
ROLLBACK TO here;
UPDATE astra.goals SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000042';
UPDATE astra.tasks SET status = 'pending' WHERE id = '00000000-0000-4000-8000-000000000053';
SELECT results_eq(
    $$ SELECT status, finished_at IS NOT NULL FROM astra.tasks
       WHERE id = '00000000-0000-4000-8000-000000000053' $$,
    $$ VALUES ('cancelled', true) $$,
    'what comes back to a goal that has ended is cancelled'
);
SELECT lives_ok($$ UPDATE astra.tasks SET status = status $$, 'what stays as it is is no change');

-- 51 is pending, 53 is cancelled; 52 is brought into each state.
SELECT throws_ok(
    format('UPDATE astra.tasks SET %s WHERE id = %L', change,
        '00000000-0000-4000-8000-000000000053'),
    'MU412',
    'task 00000000-0000-4000-8000-000000000053: it is cancelled and stays as it is',
    'of what has ended ' || change || ' is refused'
)
FROM unnest(ARRAY[
    'result = ''{}''', 'error = ''another''', 'worker_id = NULL', 'attempts = 0', 'priority = 9',
    'started_at = now()', 'payload = ''{"other": 1}'''
]) AS change;
SELECT lives_ok(
    $$ UPDATE astra.tasks SET type = 'think', payload = '{"of": "it"}', priority = 9
       WHERE id = '00000000-0000-4000-8000-000000000051' $$,
    'a task that nobody has begun or was asked about can be changed'
);
INSERT INTO astra.approval_requests (org_id, request_type, goal_id, task_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'risky_task', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000051');
SELECT throws_ok(
    format('UPDATE astra.tasks SET %s WHERE id = %L', change,
        '00000000-0000-4000-8000-000000000051'),
    'MU412',
    'task 00000000-0000-4000-8000-000000000051: what is to be done does not change any more',
    'when people are asked, ' || change || ' comes too late'
)
FROM unnest(ARRAY[
    'type = ''other''', 'payload = ''{"other": 1}''',
    'agent_id = ''00000000-0000-4000-8000-000000000032''',
    'graph_id = ''00000000-0000-4000-8000-000000000099'''
]) AS change;
SELECT lives_ok(
    $$ UPDATE astra.tasks SET priority = 8, max_attempts = 5
       WHERE id = '00000000-0000-4000-8000-000000000051' $$,
    'when, and how often, is another matter'
);

INSERT INTO astra.workers (org_id, id, hostname)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000062', 'other');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000044',
    '00000000-0000-4000-8000-000000000031', 'Again.');
INSERT INTO astra.tasks (org_id, id, goal_id, type)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000054',
    '00000000-0000-4000-8000-000000000044', 'write');
UPDATE astra.goals SET status = 'active' WHERE id = '00000000-0000-4000-8000-000000000044';
SELECT throws_ok(
    $$ UPDATE astra.tasks SET status = 'running', payload = '{"other": 1}',
           worker_id = '00000000-0000-4000-8000-000000000061', lease_expires_at = now()
       WHERE id = '00000000-0000-4000-8000-000000000054' $$,
    'MU412',
    NULL,
    'a claim does not say what is to be done'
);
UPDATE astra.tasks
SET status = 'running', worker_id = '00000000-0000-4000-8000-000000000061',
lease_expires_at = now() + interval '1 minute'
WHERE id = '00000000-0000-4000-8000-000000000054';
SELECT throws_ok(
    format('UPDATE astra.tasks SET %s WHERE id = %L', change,
        '00000000-0000-4000-8000-000000000054'),
    'MU412',
    'task 00000000-0000-4000-8000-000000000054: ' || reason,
    'of what runs ' || change || ' is refused'
)
FROM (
    VALUES
        ('payload = ''{"other": 1}''', 'what is to be done does not change any more'),
        ('worker_id = ''00000000-0000-4000-8000-000000000062''',
         'worker_id changes only when the task is claimed'),
        ('status = ''completed'', worker_id = ''00000000-0000-4000-8000-000000000062''',
         'worker_id changes only when the task is claimed')
) AS attempt (change, reason);
UPDATE astra.tasks SET attempts = 0, priority = 2
WHERE id = '00000000-0000-4000-8000-000000000054';
UPDATE astra.tasks SET status = 'pending', attempts = 0, result = '{"half": 1}'
WHERE id = '00000000-0000-4000-8000-000000000054';
SELECT is(
    (SELECT attempts FROM astra.tasks WHERE id = '00000000-0000-4000-8000-000000000054'), 1,
    'attempts are counted here alone'
);
SELECT throws_ok(
    $$ UPDATE astra.tasks SET payload = '{"other": 1}'
       WHERE id = '00000000-0000-4000-8000-000000000054' $$,
    'MU412',
    NULL,
    'what was tried once is not another task the next time'
);
UPDATE astra.tasks
SET status = 'running', worker_id = '00000000-0000-4000-8000-000000000062',
lease_expires_at = now() + interval '1 minute'
WHERE id = '00000000-0000-4000-8000-000000000054';
SELECT results_eq(
    $$ SELECT attempts, result FROM astra.tasks
       WHERE id = '00000000-0000-4000-8000-000000000054' $$,
    $$ VALUES (2, NULL::jsonb) $$,
    'another worker may, from the beginning'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.guard_task()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

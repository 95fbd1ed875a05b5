-- Subject: astra.record_event()    Docs: docs/schema/astra.md#record-event
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'record_event', '{}'::text[], 'trigger', 'it is for triggers');
SELECT volatility_is('astra', 'record_event', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer('astra', 'record_event', '{}'::text[], 'it acts with the rights of its caller');
SELECT function_owner_is(
    'astra', 'record_event', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.goals (org_id, id, agent_id, source_agent_id, goal_text) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', '00000000-0000-4000-8000-000000000031', 'Ship.');
INSERT INTO astra.tasks (org_id, id, goal_id, type)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
    '00000000-0000-4000-8000-000000000041', 'write');
INSERT INTO astra.workers (org_id, id, hostname)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000061', 'host');
UPDATE astra.goals SET status = 'active';
UPDATE astra.tasks
SET status = 'running', worker_id = '00000000-0000-4000-8000-000000000061',
lease_expires_at = now() + interval '1 minute';
UPDATE astra.tasks SET priority = 1, status = status;
UPDATE astra.tasks SET status = 'completed';

SELECT results_eq(
    $$ SELECT event_type, subject_id, actor_id, payload FROM astra.events ORDER BY id $$,
    $$ VALUES
        ('goal.created', '00000000-0000-4000-8000-000000000041'::uuid,
         '00000000-0000-4000-8000-000000000031'::uuid,
         '{"agent_id": "00000000-0000-4000-8000-000000000031"}'::jsonb),
        ('task.created', '00000000-0000-4000-8000-000000000051', NULL,
         '{"goal_id": "00000000-0000-4000-8000-000000000041"}'),
        ('goal.active', '00000000-0000-4000-8000-000000000041', NULL,
         '{"agent_id": "00000000-0000-4000-8000-000000000031", "from": "pending"}'),
        ('task.running', '00000000-0000-4000-8000-000000000051',
         '00000000-0000-4000-8000-000000000061',
         '{"goal_id": "00000000-0000-4000-8000-000000000041", "from": "pending", "attempt": 1,
           "worker_id": "00000000-0000-4000-8000-000000000061"}'),
        ('task.completed', '00000000-0000-4000-8000-000000000051',
         '00000000-0000-4000-8000-000000000061',
         '{"goal_id": "00000000-0000-4000-8000-000000000041", "from": "running", "attempt": 1,
           "worker_id": "00000000-0000-4000-8000-000000000061"}'),
        ('goal.completed', '00000000-0000-4000-8000-000000000041', NULL,
         '{"agent_id": "00000000-0000-4000-8000-000000000031", "from": "active"}') $$,
    'each step of a life is an event, with who took it; other changes are none'
);
SELECT is_empty(
    $$ SELECT FROM astra.events
       GROUP BY event_type
       HAVING max(created_at) = now() $$,
    'it is dated by the clock, not by the beginning of a transaction that had to wait'
);

-- A worker fails an attempt and dies in the next; another takes the task back, and it is cancelled.
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
    '00000000-0000-4000-8000-000000000031', 'Again.');
INSERT INTO astra.tasks (org_id, id, goal_id, type)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
    '00000000-0000-4000-8000-000000000042', 'write');
UPDATE astra.goals SET status = 'active' WHERE id = '00000000-0000-4000-8000-000000000042';
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SET LOCAL ROLE muniment_app;
SELECT FROM astra.claim_tasks('00000000-0000-4000-8000-000000000061');
SELECT astra.fail_task('00000000-0000-4000-8000-000000000061',
    '00000000-0000-4000-8000-000000000052', 'disk full');
SELECT FROM astra.claim_tasks('00000000-0000-4000-8000-000000000061', 1, '1 microsecond');
SELECT astra.requeue_expired_tasks();
SELECT astra.cancel_goal('00000000-0000-4000-8000-000000000042');
RESET ROLE;
SELECT results_eq(
    $$ SELECT event_type, actor_id IS NOT NULL, payload - 'goal_id' - 'worker_id',
           payload -> 'worker_id' IS NOT NULL
       FROM astra.events
       WHERE subject_id = '00000000-0000-4000-8000-000000000052'
       ORDER BY id $$,
    $$ VALUES
        ('task.created', false, '{}'::jsonb, false),
        ('task.running', true, '{"from": "pending", "attempt": 1}', true),
        ('task.pending', true, '{"from": "running", "attempt": 1, "error": "disk full"}', true),
        ('task.running', true, '{"from": "pending", "attempt": 2}', true),
        ('task.pending', false, '{"from": "running", "attempt": 2, "error": "lease expired"}',
         true),
        ('task.cancelled', false, '{"from": "pending"}', false) $$,
    'what became of each attempt is told, and a worker does only what it does'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.record_event()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

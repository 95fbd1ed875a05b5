-- Subject: astra.requeue_expired_tasks()    Docs: docs/schema/astra.md#requeue-expired-tasks
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'requeue_expired_tasks', ARRAY['integer'], 'integer',
    'it returns integer'
);
SELECT volatility_is(
    'astra', 'requeue_expired_tasks', ARRAY['integer'], 'volatile',
    'it writes or locks'
);
SELECT isnt_definer(
    'astra', 'requeue_expired_tasks', ARRAY['integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'requeue_expired_tasks', ARRAY['integer'], 'muniment_owner',
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
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
     '00000000-0000-4000-8000-000000000031', 'Second.'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000049',
     '00000000-0000-4000-8000-000000000032', 'Theirs.');
UPDATE astra.goals SET status = 'active';
INSERT INTO astra.tasks (org_id, id, goal_id, type, max_attempts) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', 'expired', 3),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
     '00000000-0000-4000-8000-000000000041', 'held', 3),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000053',
     '00000000-0000-4000-8000-000000000042', 'expired for good', 1),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000059',
     '00000000-0000-4000-8000-000000000049', 'theirs', 3);
UPDATE astra.tasks
SET
    status = 'running',
    worker_id = CASE id
        WHEN '00000000-0000-4000-8000-000000000059' THEN '00000000-0000-4000-8000-000000000069'::uuid
        ELSE '00000000-0000-4000-8000-000000000061'
    END,
    lease_expires_at = now()
        + CASE id
            WHEN '00000000-0000-4000-8000-000000000052' THEN interval '1 hour'
            WHEN '00000000-0000-4000-8000-000000000053' THEN interval '-1 minute'
            ELSE interval '-1 second'
        END;

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT astra.requeue_expired_tasks() $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is taken back'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format('SELECT astra.requeue_expired_tasks(%L)', p_limit), '22023', NULL,
    format('nothing is taken back of %s', p_limit)
)
FROM (
    VALUES (0), (-1), (1001), (NULL)
) AS attempt (p_limit);
SAVEPOINT here;
SELECT is(astra.requeue_expired_tasks(1), 1, 'it looks at so many');
SELECT is(
    (SELECT status FROM astra.tasks WHERE id = '00000000-0000-4000-8000-000000000053'), 'failed',
    'at those that ended first'
);
ROLLBACK TO here;
SELECT is(astra.requeue_expired_tasks(), 2, 'it says how many it has taken back');
RESET ROLE;
SELECT results_eq(
    $$ SELECT id, status, error, lease_expires_at IS NULL FROM astra.tasks ORDER BY id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-000000000051'::uuid, 'pending', 'lease expired', true),
        ('00000000-0000-4000-8000-000000000052', 'running', NULL, false),
        ('00000000-0000-4000-8000-000000000053', 'failed', 'lease expired', true),
        ('00000000-0000-4000-8000-000000000059', 'running', NULL, false) $$,
    'those whose lease has ended, of this organisation; failed, when no attempt is left'
);
SELECT is(
    (SELECT status FROM astra.goals WHERE id = '00000000-0000-4000-8000-000000000042'), 'failed',
    'the goal with them'
);
SET LOCAL ROLE muniment_app;
SELECT is(astra.requeue_expired_tasks(), 0, 'none are left');

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.requeue_expired_tasks(integer)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: astra.ready_tasks()    Docs: docs/schema/astra.md#ready-tasks
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'ready_tasks', ARRAY['uuid', 'integer'], 'setof record',
    'it returns a table'
);
SELECT volatility_is('astra', 'ready_tasks', ARRAY['uuid', 'integer'], 'stable', 'it only looks');
SELECT isnt_definer(
    'astra', 'ready_tasks', ARRAY['uuid', 'integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'ready_tasks', ARRAY['uuid', 'integer'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000032', 'theirs');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', 'First.'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
     '00000000-0000-4000-8000-000000000031', 'Second.'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000043',
     '00000000-0000-4000-8000-000000000031', 'Not yet.'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000049',
     '00000000-0000-4000-8000-000000000032', 'Theirs.');
UPDATE astra.goals SET status = 'active' WHERE id <> '00000000-0000-4000-8000-000000000043';
INSERT INTO astra.tasks (org_id, id, goal_id, type, priority) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', 'low', 0),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
     '00000000-0000-4000-8000-000000000041', 'high', 5),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000053',
     '00000000-0000-4000-8000-000000000041', 'waits', 9),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000054',
     '00000000-0000-4000-8000-000000000042', 'middle', 3),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000055',
     '00000000-0000-4000-8000-000000000043', 'not yet', 9),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000059',
     '00000000-0000-4000-8000-000000000049', 'theirs', 9);
INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000053', '00000000-0000-4000-8000-000000000051');
INSERT INTO astra.workers (org_id, id, hostname)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000061', 'host');
INSERT INTO astra.tasks (org_id, id, goal_id, type, priority) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000056',
     '00000000-0000-4000-8000-000000000041', 'running', 9);
UPDATE astra.tasks
SET status = 'running', worker_id = '00000000-0000-4000-8000-000000000061',
lease_expires_at = now() + interval '1 minute'
WHERE id = '00000000-0000-4000-8000-000000000056';

-- So that the order is not that of an index by chance.
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT * FROM astra.ready_tasks() $$,
    '42501',
    'tenant is not set',
    'without a tenant there is no answer'
);
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SELECT results_eq(
    $$ SELECT task_id, goal_id, type, priority FROM astra.ready_tasks() $$,
    $$ VALUES
        ('00000000-0000-4000-8000-000000000052'::uuid, '00000000-0000-4000-8000-000000000041'::uuid,
         'high', 5),
         ('00000000-0000-4000-8000-000000000054', '00000000-0000-4000-8000-000000000042', 'middle',
          3),
        ('00000000-0000-4000-8000-000000000051', '00000000-0000-4000-8000-000000000041', 'low',
         0) $$,
    'what waits for nothing, the most urgent first'
);
SELECT results_eq(
    $$ SELECT type FROM astra.ready_tasks('00000000-0000-4000-8000-000000000041') $$,
    ARRAY['high', 'low'],
    'of one goal, if that is asked'
);
SELECT results_eq(
    $$ SELECT type FROM astra.ready_tasks(p_limit => 1) $$, ARRAY['high'], 'and so many'
);
SELECT results_eq(
    $$ SELECT type FROM astra.ready_tasks('00000000-0000-4000-8000-000000000041', 1) $$,
    ARRAY['high'], 'also of one goal'
);
SELECT throws_ok(
    format('SELECT FROM astra.ready_tasks(NULL, %L)', p_limit), '22023', NULL,
    format('nobody looks at %s', p_limit)
)
FROM (
    VALUES (0), (-1), (1001), (NULL)
) AS attempt (p_limit);
SELECT is_empty(
    $$ SELECT FROM astra.ready_tasks('00000000-0000-4000-8000-000000000049') $$,
    'and never of another organisation'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.ready_tasks(uuid, integer)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: astra.start_goal()    Docs: docs/schema/astra.md#start-goal
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'start_goal', ARRAY['uuid'], 'void', 'it returns void');
SELECT volatility_is('astra', 'start_goal', ARRAY['uuid'], 'volatile', 'it writes or locks');
SELECT isnt_definer('astra', 'start_goal', ARRAY['uuid'], 'it acts with the rights of its caller');
SELECT function_owner_is(
    'astra', 'start_goal', ARRAY['uuid'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name, max_concurrent_goals) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner', 1),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000032', 'theirs',
     NULL);
INSERT INTO astra.goals (org_id, id, agent_id, goal_text) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', 'First.'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
     '00000000-0000-4000-8000-000000000031', 'Second.'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000049',
     '00000000-0000-4000-8000-000000000032', 'Theirs.');
INSERT INTO astra.tasks (org_id, id, goal_id, type)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
    '00000000-0000-4000-8000-000000000041', 'write');

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT astra.start_goal('00000000-0000-4000-8000-000000000041') $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing starts'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format('SELECT astra.start_goal(%L)', id),
    'P0002',
    format('p_goal_id %s: no such goal', id),
    promise
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-0000000000ee', 'nor does what is not there'),
        ('00000000-0000-4000-8000-000000000049', 'or belongs to another organisation')
) AS attempt (id, promise);
SELECT lives_ok(
    $$ SELECT astra.start_goal('00000000-0000-4000-8000-000000000041') $$, 'a pending goal starts'
);
SELECT results_eq(
    $$ SELECT g.status, t.blockers
       FROM astra.goals AS g
       INNER JOIN astra.tasks AS t ON t.goal_id = g.id $$,
    $$ VALUES ('active', 0) $$,
    'and its tasks can be claimed'
);
SELECT throws_ok(
    $$ SELECT astra.start_goal('00000000-0000-4000-8000-000000000041') $$,
    'MU412',
    'p_goal_id 00000000-0000-4000-8000-000000000041: the goal is active, not pending',
    'once'
);
SELECT throws_ok(
    $$ SELECT astra.start_goal('00000000-0000-4000-8000-000000000042') $$,
    'MU414',
    NULL,
    'what admission says is passed on'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.start_goal(uuid)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

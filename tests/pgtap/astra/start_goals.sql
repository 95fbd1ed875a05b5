-- Subject: astra.start_goals()    Docs: docs/schema/astra.md#start-goals
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'start_goals', ARRAY['uuid', 'integer'], 'setof uuid',
    'it returns ids'
);
SELECT volatility_is(
    'astra', 'start_goals', ARRAY['uuid', 'integer'], 'volatile',
    'it writes or locks'
);
SELECT isnt_definer(
    'astra', 'start_goals', ARRAY['uuid', 'integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'start_goals', ARRAY['uuid', 'integer'], 'muniment_owner',
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
INSERT INTO astra.agents (org_id, id, name, max_concurrent_goals) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner', 2),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'other', NULL);
INSERT INTO astra.goals (org_id, id, agent_id, goal_text, priority, depends_on_goal_ids) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', 'Later.', 0, '{}'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
     '00000000-0000-4000-8000-000000000031', 'Waits.', 9, '{00000000-0000-4000-8000-000000000041}'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000043',
     '00000000-0000-4000-8000-000000000031', 'Asks.', 9, '{}'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000044',
     '00000000-0000-4000-8000-000000000031', 'Now.', 5, '{}'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000045',
     '00000000-0000-4000-8000-000000000031', 'Last.', 0, '{}'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000046',
     '00000000-0000-4000-8000-000000000032', 'Other.', 9, '{}');
INSERT INTO astra.tasks (org_id, id, goal_id, type)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
    '00000000-0000-4000-8000-000000000044', 'risky');
-- The first request for the plan is approved, the second waits; what is asked about a task does
-- not keep its goal from starting.
INSERT INTO astra.approval_requests (org_id, id, request_type, goal_id, task_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082', 'plan',
     '00000000-0000-4000-8000-000000000043', NULL),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081', 'plan',
     '00000000-0000-4000-8000-000000000043', NULL),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000083', 'risky_task',
     '00000000-0000-4000-8000-000000000044', '00000000-0000-4000-8000-000000000051');
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082',
     '00000000-0000-4000-8000-000000000011', 'approved');
-- That another goal is completed helps nobody who waits for this one.
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000040',
    '00000000-0000-4000-8000-000000000032', 'Done.');
UPDATE astra.goals SET status = 'active' WHERE id = '00000000-0000-4000-8000-000000000040';
UPDATE astra.goals SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000040';

-- So that the order is not that of an index by chance.
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT * FROM astra.start_goals('00000000-0000-4000-8000-000000000031') $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing starts'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format('SELECT * FROM astra.start_goals(%L, %L)', '00000000-0000-4000-8000-000000000031',
        p_limit),
    '22023',
    NULL,
    format('nobody starts %s at a time', coalesce(p_limit::text, 'so many'))
)
FROM unnest(ARRAY[0, 1001, NULL]) AS p_limit;
SELECT results_eq(
    $$ SELECT * FROM astra.start_goals('00000000-0000-4000-8000-000000000031') $$,
    ARRAY['00000000-0000-4000-8000-000000000044']::uuid[],
    'the most urgent that waits for nothing is first'
);
SELECT results_eq(
    $$ SELECT * FROM astra.start_goals('00000000-0000-4000-8000-000000000031', 10) $$,
    ARRAY['00000000-0000-4000-8000-000000000041']::uuid[],
    'more start until the agent is at its limit'
);
SELECT is_empty(
    $$ SELECT * FROM astra.start_goals('00000000-0000-4000-8000-000000000031', 10) $$, 'then none'
);
SELECT FROM astra.cancel_goal('00000000-0000-4000-8000-000000000044');
UPDATE astra.goals SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000041';
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
     '00000000-0000-4000-8000-000000000011', 'approved');
SELECT results_eq(
    $$ SELECT * FROM astra.start_goals('00000000-0000-4000-8000-000000000031', 10) $$,
    ARRAY['00000000-0000-4000-8000-000000000042', '00000000-0000-4000-8000-000000000043']::uuid[],
    'what waited, and was approved, comes when its time has come'
);
UPDATE astra.goals SET status = 'cancelled' WHERE status = 'active';
UPDATE astra.agents SET drain_mode = true;
SELECT is_empty(
    $$ SELECT * FROM astra.start_goals('00000000-0000-4000-8000-000000000031', 10) $$,
    'an agent that drains has none'
);
SELECT is(
    (SELECT status FROM astra.goals WHERE id = '00000000-0000-4000-8000-000000000046'), 'pending',
    'others are not touched'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.start_goals(uuid, integer)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

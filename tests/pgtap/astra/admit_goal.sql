-- Subject: astra.admit_goal()    Docs: docs/schema/astra.md#admit-goal
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(20);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'admit_goal', ARRAY['uuid', 'uuid'], 'void', 'it returns void');
SELECT volatility_is(
    'astra', 'admit_goal', ARRAY['uuid', 'uuid'], 'volatile',
    'it writes or locks'
);
SELECT isnt_definer(
    'astra', 'admit_goal', ARRAY['uuid', 'uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'admit_goal', ARRAY['uuid', 'uuid'], 'muniment_owner',
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
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000030', 'drained'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text, depends_on_goal_ids) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', 'First.', '{}'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
     '00000000-0000-4000-8000-000000000031', 'Second.', '{00000000-0000-4000-8000-000000000041}'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000043',
     '00000000-0000-4000-8000-000000000031', 'Third.', '{}'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000044',
     '00000000-0000-4000-8000-000000000030', 'Of another agent.', '{}'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000045',
     '00000000-0000-4000-8000-000000000031', 'Of both.',
     '{00000000-0000-4000-8000-000000000041,00000000-0000-4000-8000-000000000044}');
INSERT INTO astra.tasks (org_id, id, goal_id, type)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
    '00000000-0000-4000-8000-000000000042', 'risky');
-- What another agent does, and what is asked about another goal or a task, is no matter.
INSERT INTO astra.approval_requests (org_id, request_type, goal_id)
VALUES ('00000000-0000-4000-8000-00000000000a', 'plan', '00000000-0000-4000-8000-000000000043');
INSERT INTO astra.approval_requests (org_id, request_type, goal_id, task_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'risky_task', '00000000-0000-4000-8000-000000000042',
     '00000000-0000-4000-8000-000000000051');
UPDATE astra.goals SET status = 'active' WHERE id = '00000000-0000-4000-8000-000000000044';
UPDATE astra.agents
SET drain_mode = true, max_concurrent_goals = 0, daily_token_budget = 50
WHERE id = '00000000-0000-4000-8000-000000000030';
INSERT INTO astra.token_reservations (org_id, agent_id, tokens)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000030', 50);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000042') $$,
    'MU416',
    'depends_on_goal_ids of goal 00000000-0000-4000-8000-000000000042: 1 not completed',
    'a goal waits for the goals that it depends on'
);
UPDATE astra.goals SET status = 'active' WHERE id = '00000000-0000-4000-8000-000000000041';
SELECT throws_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000042') $$,
    'MU416', NULL, 'also while they are under way'
);
UPDATE astra.goals SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000041';
SELECT lives_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000042') $$,
    'and no longer'
);
SELECT throws_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000045') $$,
    'MU416',
    'depends_on_goal_ids of goal 00000000-0000-4000-8000-000000000045: 1 not completed',
    'all of them'
);

INSERT INTO astra.approval_requests (org_id, id, request_type, goal_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081', 'plan',
     '00000000-0000-4000-8000-000000000042');
SELECT throws_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000042') $$,
    'MU416',
    'plan of goal 00000000-0000-4000-8000-000000000042: its approval is pending',
    'a plan that is to be approved is waited for'
);
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
     '00000000-0000-4000-8000-000000000011', 'rejected');
SELECT throws_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000042') $$,
    'MU416',
    'plan of goal 00000000-0000-4000-8000-000000000042: its approval is rejected',
    'one that was rejected does not start'
);
INSERT INTO astra.approval_requests (org_id, id, request_type, goal_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082', 'plan',
     '00000000-0000-4000-8000-000000000042');
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082',
     '00000000-0000-4000-8000-000000000011', 'approved');
SELECT lives_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000042') $$,
    'of many requests, the latest counts'
);

UPDATE astra.agents SET drain_mode = true WHERE id = '00000000-0000-4000-8000-000000000031';
SELECT throws_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000042') $$,
    'MU413',
    'agent 00000000-0000-4000-8000-000000000031 takes on no goal: drain_mode is t, status is '
    'active',
    'an agent that drains takes on nothing'
);
UPDATE astra.agents SET drain_mode = false, status = 'paused'
WHERE id = '00000000-0000-4000-8000-000000000031';
SELECT throws_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000042') $$,
    'MU413', NULL, 'nor one that is paused'
);
UPDATE astra.agents SET status = 'active', max_concurrent_goals = 1
WHERE id = '00000000-0000-4000-8000-000000000031';
SELECT lives_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000042') $$,
    'one of one may start'
);
INSERT INTO astra.goals (org_id, id, agent_id, goal_text) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000046',
     '00000000-0000-4000-8000-000000000031', 'The one.');
UPDATE astra.goals SET status = 'active' WHERE id = '00000000-0000-4000-8000-000000000046';
SELECT throws_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000042') $$,
    'MU414',
    'max_concurrent_goals of agent 00000000-0000-4000-8000-000000000031: 1 of 1 under way',
    'a second may not'
);
UPDATE astra.agents SET max_concurrent_goals = NULL, daily_token_budget = 10
WHERE id = '00000000-0000-4000-8000-000000000031';
INSERT INTO astra.token_reservations (org_id, agent_id, tokens)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 9);
SELECT lives_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000042') $$,
    'while tokens are left, it may'
);
INSERT INTO astra.llm_usage (org_id, agent_id, model, tokens_in, tokens_out) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'm', 1, 0);
SELECT throws_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000042') $$,
    'MU415',
    'daily_token_budget of agent 00000000-0000-4000-8000-000000000031: 10 of 10 used or reserved',
    'when the last one is used or reserved, it may not'
);
SELECT throws_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-0000000000ee') $$,
    'P0002',
    'p_goal_id 00000000-0000-4000-8000-0000000000ee: no such goal',
    'what is not there is not admitted'
);
RESET ROLE;
ALTER TABLE astra.agent_daily_usage DISABLE TRIGGER USER;
UPDATE astra.agent_daily_usage SET usage_date = usage_date - 1;
SELECT lives_ok(
    $$ SELECT astra.admit_goal('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000042') $$,
    'what was used yesterday is no matter'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.admit_goal(uuid, uuid)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

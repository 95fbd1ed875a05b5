-- Subject: astra.stamp_request()    Docs: docs/schema/astra.md#stamp-request
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'stamp_request', '{}'::text[], 'trigger', 'it is for triggers');
SELECT volatility_is('astra', 'stamp_request', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer(
    'astra', 'stamp_request', '{}'::text[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'stamp_request', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.users (org_id, id, email) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011',
     'ann@example.org'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000012',
     'bob@example.org');
INSERT INTO astra.org_memberships (org_id, user_id)
SELECT org_id, id
FROM astra.users;
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000031', 'Ship.');

INSERT INTO astra.approval_requests (org_id, id, request_type, goal_id, created_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000089', 'plan',
     '00000000-0000-4000-8000-000000000041', 'infinity'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081', 'plan',
     '00000000-0000-4000-8000-000000000041', '-infinity');
SELECT is_empty(
    $$ SELECT id, created_at
       FROM astra.approval_requests
       WHERE created_at NOT BETWEEN now() AND clock_timestamp() $$,
    'no request says itself when it was made'
);
SELECT results_eq(
    $$ SELECT id FROM astra.approval_requests ORDER BY created_at, id DESC $$,
    ARRAY[
        '00000000-0000-4000-8000-000000000089', '00000000-0000-4000-8000-000000000081'
    ]::uuid[],
    'one is later than another when it came later'
);
SELECT throws_ok(
    $$ INSERT INTO astra.approval_requests (org_id, request_type, goal_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'plan',
           '00000000-0000-4000-8000-0000000000ee') $$,
    '23503',
    NULL,
    'a goal that is not there is left to the reference'
);
SAVEPOINT here;
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000089',
     '00000000-0000-4000-8000-000000000011', 'approved');
SELECT throws_ok(
    $$ UPDATE astra.goals SET status = 'active' $$,
    'MU416',
    'plan of goal 00000000-0000-4000-8000-000000000041: its approval is pending',
    'a request that claims to be of the future does not hide the one that came after it'
);
ROLLBACK TO here;

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.stamp_request()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

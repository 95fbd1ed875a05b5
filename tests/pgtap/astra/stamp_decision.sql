-- Subject: astra.stamp_decision()    Docs: docs/schema/astra.md#stamp-decision
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'stamp_decision', '{}'::text[], 'trigger', 'it is for triggers');
SELECT volatility_is('astra', 'stamp_decision', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer(
    'astra', 'stamp_decision', '{}'::text[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'stamp_decision', '{}'::text[], 'muniment_owner',
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
INSERT INTO astra.approval_requests (org_id, id, request_type, goal_id, required_approvals)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081', 'plan',
    '00000000-0000-4000-8000-000000000041', 2);

INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision, decided_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
     '00000000-0000-4000-8000-000000000011', 'approved', '1999-01-01 00:00+00'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
     '00000000-0000-4000-8000-000000000012', 'approved', 'infinity');
SELECT is_empty(
    $$ SELECT user_id, decided_at
       FROM astra.approval_decisions
       WHERE decided_at NOT BETWEEN now() AND clock_timestamp() $$,
    'no decision says itself when it was made'
);
SELECT results_eq(
    $$ SELECT (a.entry ->> 'decided_at')::timestamptz, r.decided_at
       FROM astra.approval_requests AS r
       CROSS JOIN jsonb_array_elements(r.approvals) WITH ORDINALITY AS a (entry, place)
       ORDER BY a.place $$,
    $$ SELECT decided_at, max(decided_at) OVER ()
       FROM astra.approval_decisions
       ORDER BY user_id $$,
    'and its request has it by the same time'
);
SELECT throws_ok(
    $$ INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000ee',
           '00000000-0000-4000-8000-000000000011', 'approved') $$,
    '23503',
    NULL,
    'a request that is not there is left to the reference'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.stamp_decision()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

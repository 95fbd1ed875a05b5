-- Subject: astra.count_decision()    Docs: docs/schema/astra.md#count-decision
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'count_decision', '{}'::text[], 'trigger', 'it is for triggers');
SELECT volatility_is('astra', 'count_decision', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer(
    'astra', 'count_decision', '{}'::text[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'count_decision', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.users (org_id, id, email) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011',
     'ann@example.org'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000012',
     'bob@example.org'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000013',
     'cyd@example.org'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000014',
     'viewer@example.org'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000015',
     'gone@example.org');
INSERT INTO astra.org_memberships (org_id, user_id, role) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011', 'owner'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000012', 'admin'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000013', 'member'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000014', 'viewer');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000031', 'Ship.');
INSERT INTO astra.approval_requests (
    org_id, id, request_type, goal_id, requested_by, required_approvals
) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081', 'plan',
     '00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000011', 2),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082', 'plan',
     '00000000-0000-4000-8000-000000000041', NULL, 2);

SELECT throws_ok(
    format(
        'INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) '
        'VALUES (%L, %L, %L, %L)',
        '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081', user_id,
        'approved'
    ),
    'MU421',
    format('user_id %s: %s', user_id, reason),
    promise
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-000000000011', 'whoever asks does not decide',
         'nobody approves what they have asked for'),
        ('00000000-0000-4000-8000-000000000014', 'not a member who may decide',
         'a viewer decides nothing'),
        ('00000000-0000-4000-8000-000000000015', 'not a member who may decide', 'nor who has left')
) AS attempt (user_id, reason, promise);

-- A session with its own idea of a day.
SET LOCAL TIME ZONE 'Asia/Kolkata';
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
     '00000000-0000-4000-8000-000000000012', 'approved');
SET LOCAL TIME ZONE 'UTC';
SELECT results_eq(
    $$ SELECT status, approvals, decided_at FROM astra.approval_requests
       WHERE id = '00000000-0000-4000-8000-000000000081' $$,
    $$ SELECT
           'pending',
           jsonb_build_array(jsonb_build_object(
               'user_id', user_id, 'decision', 'approved', 'decided_at', decided_at
           )),
           NULL::timestamptz
       FROM astra.approval_decisions
       WHERE user_id = '00000000-0000-4000-8000-000000000012' $$,
    'one of two is on record in the stated shape, in UTC, and not enough'
);
SELECT throws_ok(
    $$ INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
           '00000000-0000-4000-8000-000000000012', 'approved') $$,
    '23505',
    'duplicate key value violates unique constraint "approval_decisions_pk"',
    'nobody is two'
);
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
     '00000000-0000-4000-8000-000000000013', 'approved');
SELECT results_eq(
    $$ SELECT status, jsonb_array_length(approvals), decided_at IS NOT NULL
       FROM astra.approval_requests
       WHERE id = '00000000-0000-4000-8000-000000000081' $$,
    $$ VALUES ('approved', 2, true) $$,
    'two different people are enough'
);
SELECT throws_ok(
    $$ INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
           '00000000-0000-4000-8000-000000000011', 'rejected') $$,
    'MU418',
    'approval request 00000000-0000-4000-8000-000000000081: it is approved already',
    'what is decided stays decided'
);

INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082',
     '00000000-0000-4000-8000-000000000011', 'approved'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082',
     '00000000-0000-4000-8000-000000000012', 'rejected');
SELECT results_eq(
    $$ SELECT status, approvals -> 0 ->> 'decision', approvals -> 1 ->> 'decision'
       FROM astra.approval_requests
       WHERE id = '00000000-0000-4000-8000-000000000082' $$,
    $$ VALUES ('rejected', 'approved', 'rejected') $$,
    'one rejection wins over any approval'
);
SELECT throws_ok(
    $$ INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082',
           '00000000-0000-4000-8000-000000000013', 'approved') $$,
    'MU418',
    'approval request 00000000-0000-4000-8000-000000000082: it is rejected already',
    'and no approval wins it back'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.count_decision()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;

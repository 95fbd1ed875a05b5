-- Subject: astra.decide_approval()    Docs: docs/schema/astra.md#decide-approval
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(18);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'decide_approval', ARRAY['uuid', 'uuid', 'text'], 'text',
    'it returns text'
);
SELECT volatility_is(
    'astra', 'decide_approval', ARRAY['uuid', 'uuid', 'text'], 'volatile',
    'it writes or locks'
);
SELECT isnt_definer(
    'astra', 'decide_approval', ARRAY['uuid', 'uuid', 'text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'decide_approval', ARRAY['uuid', 'uuid', 'text'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.users (org_id, id, email) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011',
     'ann@example.org'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000012',
     'bob@example.org'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000013',
     'cyd@example.org');
INSERT INTO astra.org_memberships (org_id, user_id)
SELECT org_id, id
FROM astra.users;
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000032', 'theirs');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', 'Ship.'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000049',
     '00000000-0000-4000-8000-000000000032', 'Theirs.');
INSERT INTO astra.approval_requests (
    org_id, id, request_type, goal_id, requested_by, required_approvals
) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081', 'plan',
     '00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000011', 2),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082', 'plan',
     '00000000-0000-4000-8000-000000000041', NULL, 1),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000089', 'plan',
     '00000000-0000-4000-8000-000000000049', NULL, 1);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT astra.decide_approval('00000000-0000-4000-8000-000000000081',
           '00000000-0000-4000-8000-000000000012', 'approved') $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is decided'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format('SELECT astra.decide_approval(%L, %L, %L)', request_id, user_id, decision),
    state,
    NULL,
    promise
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-0000000000ee', '00000000-0000-4000-8000-000000000012', 'approved',
         'P0002', 'nor what nobody has asked for'),
        ('00000000-0000-4000-8000-000000000089', '00000000-0000-4000-8000-000000000012', 'approved',
         'P0002', 'or another organisation has'),
        ('00000000-0000-4000-8000-000000000081', '00000000-0000-4000-8000-0000000000ee', 'approved',
         '23503', 'or by nobody'),
        ('00000000-0000-4000-8000-000000000081', '00000000-0000-4000-8000-000000000012', 'perhaps',
         '23514', 'or neither way'),
        ('00000000-0000-4000-8000-000000000081', '00000000-0000-4000-8000-000000000012', NULL,
         '23502', 'or not at all'),
        ('00000000-0000-4000-8000-000000000081', NULL, 'approved', '23502', 'or by who knows whom'),
        ('00000000-0000-4000-8000-000000000081', '00000000-0000-4000-8000-000000000011', 'approved',
         'MU421', 'or by whoever asks')
) AS attempt (request_id, user_id, decision, state, promise);
SELECT is(
    astra.decide_approval('00000000-0000-4000-8000-000000000081',
        '00000000-0000-4000-8000-000000000012', 'approved'), 'pending', 'one of two is not enough'
);
SELECT throws_ok(
    $$ SELECT astra.decide_approval('00000000-0000-4000-8000-000000000081',
           '00000000-0000-4000-8000-000000000012', 'rejected') $$,
    '23505',
    NULL,
    'nobody decides twice'
);
SELECT is(
    astra.decide_approval('00000000-0000-4000-8000-000000000081',
        '00000000-0000-4000-8000-000000000013', 'approved'), 'approved', 'two are'
);
SELECT is(
    astra.decide_approval('00000000-0000-4000-8000-000000000082',
        '00000000-0000-4000-8000-000000000011', 'rejected'), 'rejected', 'one rejection is'
);
SELECT throws_ok(
    $$ SELECT astra.decide_approval('00000000-0000-4000-8000-000000000082',
           '00000000-0000-4000-8000-000000000012', 'approved') $$,
    'MU418',
    'approval request 00000000-0000-4000-8000-000000000082: it is rejected already',
    'for good'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.decide_approval(uuid, uuid, text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

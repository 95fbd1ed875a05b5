-- Subject: agentcore.escalate_approval()    Docs: docs/schema/agentcore.md#escalate-approval
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(22);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'escalate_approval', ARRAY['uuid', 'uuid', 'text'], 'void',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'escalate_approval', ARRAY['uuid', 'uuid', 'text'], 'volatile',
    'it may change rows'
);
SELECT is_definer(
    'agentcore', 'escalate_approval', ARRAY['uuid', 'uuid', 'text'],
    'it acts with the rights of the owner, who is held to the department'
);
SELECT function_owner_is(
    'agentcore', 'escalate_approval', ARRAY['uuid', 'uuid', 'text'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO agentcore.users (department_id, id, email, name) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
        'ann@example.org', 'Ann'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2',
        'ben@example.org', 'Ben'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a3',
        'dan@example.org', 'Dan'
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000b1',
        'cleo@example.org', 'Cleo'
    );
UPDATE agentcore.users SET extra_permissions = '{approval.decide}'
WHERE id = '5e000000-0000-4000-8000-0000000000a1';
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
INSERT INTO agentcore.namespace (department_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1', 'Desk');
INSERT INTO agentcore.conversation (id, user_id, channel, namespace_id) VALUES
    (
        'c0000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a1', 'web',
        '4a000000-0000-4000-8000-0000000000a1'
    );
INSERT INTO agentcore.message (id, conversation_id, role, content) VALUES
    (
        'e5000000-0000-4000-8000-0000000000a1', 'c0000000-0000-4000-8000-0000000000a1',
        'assistant', 'Yes'
    ),
    (
        'e5000000-0000-4000-8000-0000000000a2', 'c0000000-0000-4000-8000-0000000000a1',
        'assistant', 'No'
    ),
    (
        'e5000000-0000-4000-8000-0000000000a3', 'c0000000-0000-4000-8000-0000000000a1', 'user',
        'Why?'
    ),
    (
        'e5000000-0000-4000-8000-0000000000a4', 'c0000000-0000-4000-8000-0000000000a1',
        'assistant', 'Well'
    );
INSERT INTO agentcore.approval (id, message_id)
VALUES ('a9000000-0000-4000-8000-0000000000a1', 'e5000000-0000-4000-8000-0000000000a1'), (
    'a9000000-0000-4000-8000-0000000000a2', 'e5000000-0000-4000-8000-0000000000a2'
);
SELECT agentcore.settle_conversation('c0000000-0000-4000-8000-0000000000a1');

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT agentcore.escalate_approval(
           'a9000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a2',
           'unsure'
       ) $$,
    '42501',
    'no user has entered the department',
    'nobody hands on without saying who'
);
SELECT agentcore.enter_department(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2', 0,
    '00000000-0000-4000-8000-00000000000a'
);
SELECT throws_ok(
    $$ SELECT agentcore.escalate_approval(
           'a9000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a2',
           'unsure'
       ) $$,
    'MU434',
    format(
        'user %s may not hand on approval %s', '5e000000-0000-4000-8000-0000000000a2',
        'a9000000-0000-4000-8000-0000000000a1'
    ),
    'nor without the right to'
);
SET LOCAL app.acting_user = '{"department_id": "00000000-0000-4000-8000-00000000000a"}';
SELECT throws_ok(
    $$ SELECT agentcore.escalate_approval(
           'a9000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a2',
           'unsure'
       ) $$,
    '42501',
    'no user has entered the department',
    'nor as the system, to which nothing was handed on'
);
SELECT agentcore.enter_department(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 0,
    '00000000-0000-4000-8000-00000000000a'
);
SELECT throws_ok(
    format(
        'SELECT agentcore.escalate_approval(%L, %L, %L)',
        'a9000000-0000-4000-8000-0000000000a1', target, reason
    ),
    '22004',
    'user or reason is missing',
    'nor without saying to whom and why'
)
FROM (
    VALUES (NULL, 'unsure'), ('5e000000-0000-4000-8000-0000000000a2', ''), (
        '5e000000-0000-4000-8000-0000000000a2', NULL
    )
) AS attempt (target, reason);
SELECT throws_ok(
    $$ SELECT agentcore.escalate_approval(
           'a9000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000b1',
           'unsure'
       ) $$,
    '23503',
    NULL,
    'it stays in the department'
);
RESET ROLE;
UPDATE agentcore.users SET is_active = false WHERE id = '5e000000-0000-4000-8000-0000000000a3';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT agentcore.escalate_approval(
           'a9000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a3',
           'unsure'
       ) $$,
    'MU439',
    format('user %s is not active', '5e000000-0000-4000-8000-0000000000a3'),
    'nobody waits for somebody who has left'
);
SELECT throws_ok(
    $$ SELECT agentcore.escalate_approval(
           '00000000-0000-4000-8000-0000000000ff', '5e000000-0000-4000-8000-0000000000a2',
           'unsure'
       ) $$,
    'MU436',
    format('approval %s is not there', '00000000-0000-4000-8000-0000000000ff'),
    'what is not there is not handed on'
);
SELECT lives_ok(
    $$ SELECT agentcore.escalate_approval(
           'a9000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a2',
           'unsure'
       ) $$,
    'with all that an approval is handed on'
);
SELECT results_eq(
    $$ SELECT id, status, escalated_to_id, escalation_reason, approver_id
       FROM agentcore.approval
       ORDER BY id $$,
    $$ VALUES
        (
            'a9000000-0000-4000-8000-0000000000a1'::uuid, 'escalated',
            '5e000000-0000-4000-8000-0000000000a2'::uuid, 'unsure', NULL::uuid
        ),
        ('a9000000-0000-4000-8000-0000000000a2', 'pending', NULL, NULL, NULL) $$,
    'that one and no other, and nothing is decided by it'
);
SELECT results_eq(
    $$ SELECT status FROM agentcore.conversation $$,
    ARRAY['escalated'],
    'the conversation waits for somebody else'
);
SELECT results_eq(
    $$ SELECT user_id, type, body, entity_id FROM agentcore.notification $$,
    $$ VALUES (
           '5e000000-0000-4000-8000-0000000000a2'::uuid, 'approval.escalated', 'unsure',
           'a9000000-0000-4000-8000-0000000000a1'
       ) $$,
    'who is told'
);
SELECT results_eq(
    $$ SELECT user_id, action, entity_id, changes ->> 'escalated_to_id'
       FROM agentcore.audit_log $$,
    $$ VALUES (
           '5e000000-0000-4000-8000-0000000000a1'::uuid, 'approval.escalated',
           'a9000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a2'
       ) $$,
    'and the trail says so'
);
SELECT agentcore.enter_department(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2', 0,
    '00000000-0000-4000-8000-00000000000a'
);
SELECT lives_ok(
    $$ SELECT agentcore.escalate_approval(
           'a9000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a1',
           'not mine'
       ) $$,
    'whoever has it may hand it on again'
);
SELECT agentcore.enter_department(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 0,
    '00000000-0000-4000-8000-00000000000a'
);
SELECT agentcore.decide_approval('a9000000-0000-4000-8000-0000000000a1', 'approved');
SELECT throws_ok(
    $$ SELECT agentcore.escalate_approval(
           'a9000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a2',
           'late'
       ) $$,
    'MU433',
    format('approval %s is decided', 'a9000000-0000-4000-8000-0000000000a1'),
    'what is decided is not handed on'
);
SELECT agentcore.enter_department(
    '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000b1', 0,
    '00000000-0000-4000-8000-00000000000b'
);
SELECT throws_ok(
    $$ SELECT agentcore.escalate_approval(
           'a9000000-0000-4000-8000-0000000000a2', '5e000000-0000-4000-8000-0000000000b1',
           'mine'
       ) $$,
    'MU436',
    format('approval %s is not there', 'a9000000-0000-4000-8000-0000000000a2'),
    'an approval of another department is not there'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.escalate_approval(uuid, uuid, text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: agentcore.request_approval()    Docs: docs/schema/agentcore.md#request-approval
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'request_approval', ARRAY['uuid', 'text'], 'uuid',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'request_approval', ARRAY['uuid', 'text'], 'volatile',
    'it may change rows'
);
SELECT is_definer(
    'agentcore', 'request_approval', ARRAY['uuid', 'text'],
    'it acts with the rights of the owner, who is held to the department'
);
SELECT function_owner_is(
    'agentcore', 'request_approval', ARRAY['uuid', 'text'], 'muniment_owner',
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

SET LOCAL ROLE muniment_app;
SELECT isnt(
    agentcore.request_approval('e5000000-0000-4000-8000-0000000000a1', 'leave'), NULL,
    'it returns the approval'
);
SELECT results_eq(
    $$ SELECT message_id, intent_name, status, approver_id FROM agentcore.approval $$,
    $$ VALUES ('e5000000-0000-4000-8000-0000000000a1'::uuid, 'leave', 'pending', NULL::uuid) $$,
    'which waits for a person'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.approval (message_id)
       VALUES ('e5000000-0000-4000-8000-0000000000a3') $$,
    '42501',
    'permission denied for table approval',
    'nobody asks around it about what a user said'
);
SELECT results_eq(
    $$ SELECT status FROM agentcore.conversation $$,
    ARRAY['awaiting_approval'],
    'and the conversation with it'
);
SELECT lives_ok(
    $$ SELECT agentcore.request_approval(
           'e5000000-0000-4000-8000-0000000000a2', NULL
       ) $$, 'an intent need not be known'
);
SELECT throws_ok(
    $$ SELECT agentcore.request_approval('e5000000-0000-4000-8000-0000000000a1', 'leave') $$,
    '23505',
    'duplicate key value violates unique constraint "approval_message_uq"',
    'an answer is asked about once'
);
SELECT throws_ok(
    $$ SELECT agentcore.request_approval('e5000000-0000-4000-8000-0000000000a3', 'leave') $$,
    'MU435',
    format(
        'message %s is of role user, which needs no approval',
        'e5000000-0000-4000-8000-0000000000a3'
    ),
    'what the user said needs none'
);
SELECT throws_ok(
    $$ SELECT agentcore.request_approval('00000000-0000-4000-8000-0000000000ff', 'leave') $$,
    'MU436',
    format('message %s is not there', '00000000-0000-4000-8000-0000000000ff'),
    'nor does what is not there'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT throws_ok(
    $$ SELECT agentcore.request_approval('e5000000-0000-4000-8000-0000000000a4', 'leave') $$,
    'MU436',
    format('message %s is not there', 'e5000000-0000-4000-8000-0000000000a4'),
    'a message of another department is not there'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.request_approval(uuid, text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

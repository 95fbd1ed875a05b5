-- Subject: agentcore.settle_conversation()    Docs: docs/schema/agentcore.md#settle-conversation
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'settle_conversation', ARRAY['uuid'], 'void',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'settle_conversation', ARRAY['uuid'], 'volatile',
    'it may change rows'
);
SELECT isnt_definer(
    'agentcore', 'settle_conversation', ARRAY['uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'settle_conversation', ARRAY['uuid'], 'muniment_owner',
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
INSERT INTO agentcore.conversation (id, user_id, channel, namespace_id) VALUES
    (
        'c0000000-0000-4000-8000-0000000000a2', '5e000000-0000-4000-8000-0000000000a1', 'web',
        '4a000000-0000-4000-8000-0000000000a1'
    );
INSERT INTO agentcore.message (id, conversation_id, role, content) VALUES
    (
        'e5000000-0000-4000-8000-0000000000a5', 'c0000000-0000-4000-8000-0000000000a2',
        'assistant', 'Elsewhere'
    );
INSERT INTO agentcore.approval (id, message_id, status, escalated_to_id, escalation_reason) VALUES
    (
        'a9000000-0000-4000-8000-0000000000a3', 'e5000000-0000-4000-8000-0000000000a5',
        'escalated', '5e000000-0000-4000-8000-0000000000a2', 'unsure'
    );
PREPARE status AS SELECT status FROM agentcore.conversation ORDER BY id;

INSERT INTO agentcore.approval (id, message_id)
VALUES ('a9000000-0000-4000-8000-0000000000a1', 'e5000000-0000-4000-8000-0000000000a1'), (
    'a9000000-0000-4000-8000-0000000000a2', 'e5000000-0000-4000-8000-0000000000a2'
);
SELECT agentcore.settle_conversation('c0000000-0000-4000-8000-0000000000a1');
SELECT results_eq(
    'status', ARRAY['awaiting_approval', 'active'],
    'a conversation waits for its open approvals, and no other does'
);
UPDATE agentcore.approval
SET status = 'escalated',
    escalated_to_id = '5e000000-0000-4000-8000-0000000000a2',
    escalation_reason = 'unsure'
WHERE id = 'a9000000-0000-4000-8000-0000000000a1';
SELECT agentcore.settle_conversation('c0000000-0000-4000-8000-0000000000a1');
SELECT results_eq(
    'status', ARRAY['escalated', 'active'], 'one that was handed on counts more than one that waits'
);
UPDATE agentcore.approval
SET status = 'approved',
    approver_id = '5e000000-0000-4000-8000-0000000000a1',
    decided_at = now()
WHERE id <> 'a9000000-0000-4000-8000-0000000000a3';
SELECT agentcore.settle_conversation('c0000000-0000-4000-8000-0000000000a1');
SELECT results_eq('status', ARRAY['active', 'active'], 'when all are decided it goes on');
UPDATE agentcore.conversation SET status = 'closed'
WHERE id = 'c0000000-0000-4000-8000-0000000000a1';
SELECT agentcore.settle_conversation('c0000000-0000-4000-8000-0000000000a1');
SELECT results_eq('status', ARRAY['closed', 'active'], 'what was closed stays closed');
SET LOCAL ROLE muniment_owner;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT agentcore.settle_conversation('c0000000-0000-4000-8000-0000000000a2');
RESET ROLE;
SELECT results_eq(
    'status', ARRAY['closed', 'active'], 'nothing happens to one of another department'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.settle_conversation(uuid)'::regprocedure
           AND grantee <> proowner $$,
    'nobody calls it but functions that act as the owner'
);

SELECT * FROM finish(true);
ROLLBACK;

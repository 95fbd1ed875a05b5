-- Subject: agentcore.decide_approval()    Docs: docs/schema/agentcore.md#decide-approval
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(32);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'decide_approval', ARRAY['uuid', 'text', 'text', 'text'], 'text',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'decide_approval', ARRAY['uuid', 'text', 'text', 'text'], 'volatile',
    'it may change rows'
);
SELECT is_definer(
    'agentcore', 'decide_approval', ARRAY['uuid', 'text', 'text', 'text'],
    'it acts with the rights of the owner, who is held to the department'
);
SELECT function_owner_is(
    'agentcore', 'decide_approval', ARRAY['uuid', 'text', 'text', 'text'], 'muniment_owner',
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
INSERT INTO agentcore.namespace (department_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a2', 'Other');
INSERT INTO agentcore.intent_trust (namespace_id, intent_name, threshold, successful_count) VALUES
    ('4a000000-0000-4000-8000-0000000000a1', 'leave', 2, 0),
    ('4a000000-0000-4000-8000-0000000000a1', 'travel', 2, 0),
    ('4a000000-0000-4000-8000-0000000000a2', 'leave', 2, 1);
INSERT INTO agentcore.message (id, conversation_id, role, content) VALUES
    (
        'e5000000-0000-4000-8000-0000000000a5', 'c0000000-0000-4000-8000-0000000000a1',
        'assistant', 'Perhaps'
    );
INSERT INTO agentcore.approval (id, message_id, intent_name) VALUES
    ('a9000000-0000-4000-8000-0000000000a1', 'e5000000-0000-4000-8000-0000000000a1', 'leave'),
    ('a9000000-0000-4000-8000-0000000000a2', 'e5000000-0000-4000-8000-0000000000a2', 'leave'),
    ('a9000000-0000-4000-8000-0000000000a3', 'e5000000-0000-4000-8000-0000000000a4', 'leave'),
    ('a9000000-0000-4000-8000-0000000000a4', 'e5000000-0000-4000-8000-0000000000a5', 'leave');
SELECT agentcore.settle_conversation('c0000000-0000-4000-8000-0000000000a1');
PREPARE trust AS
SELECT intent_name, successful_count, is_autonomous
FROM agentcore.intent_trust
WHERE namespace_id = '4a000000-0000-4000-8000-0000000000a1'
ORDER BY intent_name;

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT agentcore.decide_approval('a9000000-0000-4000-8000-0000000000a1', 'approved') $$,
    '42501',
    'no user has entered the department',
    'nobody decides without saying who'
);
SELECT agentcore.enter_department(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2', 0,
    '00000000-0000-4000-8000-00000000000a'
);
SELECT throws_ok(
    $$ SELECT agentcore.decide_approval('a9000000-0000-4000-8000-0000000000a1', 'approved') $$,
    'MU434',
    format(
        'user %s may not decide approval %s', '5e000000-0000-4000-8000-0000000000a2',
        'a9000000-0000-4000-8000-0000000000a1'
    ),
    'nor without the right to'
);
SELECT agentcore.enter_department(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 0,
    '00000000-0000-4000-8000-00000000000a'
);
SELECT throws_ok(
    format(
        'SELECT agentcore.decide_approval(%L, %L, %L)', 'a9000000-0000-4000-8000-0000000000a1',
        decision, content
    ),
    '22023',
    'decision is malformed',
    format('%L with %L is no decision', decision, content)
)
FROM (
    VALUES
        ('pending', NULL), ('escalated', NULL), (NULL, NULL), ('edited', NULL), ('edited', ''),
        ('approved', 'Maybe'), ('rejected', 'Maybe')
) AS attempt (decision, content);
SELECT is(
    agentcore.decide_approval(
        'a9000000-0000-4000-8000-0000000000a1', 'approved', p_notes => 'fine'
    ),
    'Yes',
    'what was approved is sent as it is'
);
SELECT results_eq(
    'trust', $$ VALUES ('leave', 1, false), ('travel', 0, false) $$,
    'that counts for its intent'
);
SELECT results_eq(
    $$ SELECT status FROM agentcore.conversation $$,
    ARRAY['awaiting_approval'],
    'the conversation waits for the others'
);
SELECT is(
    agentcore.decide_approval(
        'a9000000-0000-4000-8000-0000000000a2', 'edited', 'Not today'
    ),
    'Not today',
    'what was edited is sent instead'
);
SELECT results_eq(
    'trust', $$ VALUES ('leave', 1, false), ('travel', 0, false) $$,
    'that neither counts nor resets'
);
SELECT agentcore.decide_approval('a9000000-0000-4000-8000-0000000000a4', 'approved');
SELECT results_eq(
    'trust', $$ VALUES ('leave', 2, true), ('travel', 0, false) $$,
    'enough of them are autonomy'
);
SELECT is(
    agentcore.decide_approval(
        'a9000000-0000-4000-8000-0000000000a3', 'rejected'
    ),
    NULL, 'what was rejected is not sent'
);
SELECT results_eq(
    'trust', $$ VALUES ('leave', 0, false), ('travel', 0, false) $$,
    'that takes the trust away'
);
SELECT results_eq(
    $$ SELECT successful_count FROM agentcore.intent_trust
       WHERE namespace_id <> '4a000000-0000-4000-8000-0000000000a1' $$,
    ARRAY[1],
    'another assistant is trusted as before'
);
SELECT results_eq(
    $$ SELECT id, status, approver_id, edited_content, approver_notes, decided_at IS NOT NULL
       FROM agentcore.approval
       WHERE id IN (
           'a9000000-0000-4000-8000-0000000000a1', 'a9000000-0000-4000-8000-0000000000a2',
           'a9000000-0000-4000-8000-0000000000a3'
       )
       ORDER BY id $$,
    $$ VALUES
        (
            'a9000000-0000-4000-8000-0000000000a1'::uuid, 'approved',
            '5e000000-0000-4000-8000-0000000000a1'::uuid, NULL, 'fine', true
        ),
        (
            'a9000000-0000-4000-8000-0000000000a2', 'edited',
            '5e000000-0000-4000-8000-0000000000a1', 'Not today', NULL, true
        ),
        (
            'a9000000-0000-4000-8000-0000000000a3', 'rejected',
            '5e000000-0000-4000-8000-0000000000a1', NULL, NULL, true
        ) $$,
    'who decided what is kept'
);
SELECT results_eq(
    $$ SELECT content FROM agentcore.message WHERE id = 'e5000000-0000-4000-8000-0000000000a2' $$,
    ARRAY['No'],
    'and so is what the assistant wanted to say'
);
SELECT results_eq(
    $$ SELECT status FROM agentcore.conversation $$,
    ARRAY['active'],
    'the conversation goes on'
);
SELECT results_eq(
    $$ SELECT user_id, action, entity_id FROM agentcore.audit_log ORDER BY action, entity_id $$,
    $$ VALUES
        (
            '5e000000-0000-4000-8000-0000000000a1'::uuid, 'approval.approved',
            'a9000000-0000-4000-8000-0000000000a1'
        ),
        (
            '5e000000-0000-4000-8000-0000000000a1', 'approval.approved',
            'a9000000-0000-4000-8000-0000000000a4'
        ),
        (
            '5e000000-0000-4000-8000-0000000000a1', 'approval.edited',
            'a9000000-0000-4000-8000-0000000000a2'
        ),
        (
            '5e000000-0000-4000-8000-0000000000a1', 'approval.rejected',
            'a9000000-0000-4000-8000-0000000000a3'
        ) $$,
    'the trail says so too'
);
SELECT throws_ok(
    $$ SELECT agentcore.decide_approval('a9000000-0000-4000-8000-0000000000a1', 'rejected') $$,
    'MU433',
    format('approval %s is decided', 'a9000000-0000-4000-8000-0000000000a1'),
    'what is decided is decided'
);
SELECT throws_ok(
    $$ SELECT agentcore.decide_approval('00000000-0000-4000-8000-0000000000ff', 'approved') $$,
    'MU436',
    format('approval %s is not there', '00000000-0000-4000-8000-0000000000ff'),
    'what is not there is not decided'
);

RESET ROLE;
INSERT INTO agentcore.message (id, conversation_id, role, content) VALUES
    (
        'e5000000-0000-4000-8000-0000000000a6', 'c0000000-0000-4000-8000-0000000000a1',
        'assistant', 'Handed on'
    );
INSERT INTO agentcore.approval (id, message_id, status, escalated_to_id, escalation_reason) VALUES
    (
        'a9000000-0000-4000-8000-0000000000a6', 'e5000000-0000-4000-8000-0000000000a6',
        'escalated', '5e000000-0000-4000-8000-0000000000a2', 'unsure'
    );
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT agentcore.decide_approval('a9000000-0000-4000-8000-0000000000a6', 'approved') $$,
    'MU434',
    format(
        'user %s may not decide approval a9000000-0000-4000-8000-0000000000a6',
        '5e000000-0000-4000-8000-0000000000a1'
    ),
    'what was handed on is no longer decided by others'
);
SELECT agentcore.enter_department(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2', 0,
    '00000000-0000-4000-8000-00000000000a'
);
SELECT is(
    agentcore.decide_approval('a9000000-0000-4000-8000-0000000000a6', 'approved'), 'Handed on',
    'but by whom it was handed on to, without any other right'
);
SELECT agentcore.enter_department(
    '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000b1', 0,
    '00000000-0000-4000-8000-00000000000b'
);
SELECT throws_ok(
    $$ SELECT agentcore.decide_approval('a9000000-0000-4000-8000-0000000000a1', 'approved') $$,
    'MU436',
    format('approval %s is not there', 'a9000000-0000-4000-8000-0000000000a1'),
    'an approval of another department is not there'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.decide_approval(uuid, text, text, text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;

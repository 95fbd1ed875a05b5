-- Subject: agentcore.approval    Docs: docs/schema/agentcore.md#approval
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(23);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.approval']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('approval'::text, 'department_id'::text, 'uuid', true, 'platform.current_tenant_id()'),
        ('approval', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('approval', 'message_id', 'uuid', true, NULL),
        ('approval', 'approver_id', 'uuid', false, NULL),
        ('approval', 'status', 'text', true, '''pending''::text'),
        ('approval', 'edited_content', 'text', false, NULL),
        ('approval', 'approver_notes', 'text', false, NULL),
        ('approval', 'escalated_to_id', 'uuid', false, NULL),
        ('approval', 'escalation_reason', 'text', false, NULL),
        ('approval', 'intent_name', 'text', false, NULL),
        ('approval', 'decided_at', 'timestamp with time zone', false, NULL),
        ('approval', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('approval_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('approval_message_uq', 'UNIQUE (department_id, message_id)'),
        ('approval_message_fk',
         'FOREIGN KEY (department_id, message_id) REFERENCES '
         'agentcore.message(department_id, id) ON DELETE CASCADE'),
        ('approval_approver_fk',
         'FOREIGN KEY (department_id, approver_id) REFERENCES '
         'agentcore.department_member(department_id, user_id) ON DELETE RESTRICT'),
        ('approval_escalated_to_fk',
         'FOREIGN KEY (department_id, escalated_to_id) REFERENCES '
         'agentcore.department_member(department_id, user_id) ON DELETE RESTRICT'),
        ('approval_status_ck',
         'CHECK ((status = ANY (ARRAY[''pending''::text, ''approved''::text, '
         '''rejected''::text, ''edited''::text, ''escalated''::text])))'),
        ('approval_intent_name_ck', 'CHECK ((intent_name <> ''''::text))'),
        ('approval_decided_ck',
         'CHECK ((((status = ANY (ARRAY[''approved''::text, ''rejected''::text, '
         '''edited''::text])) = (decided_at IS NOT NULL)) AND ((decided_at IS NULL) = '
         '(approver_id IS NULL))))'),
        ('approval_edited_ck',
         'CHECK (((status = ''edited''::text) = (edited_content IS NOT NULL)))'),
        ('approval_escalated_ck',
         'CHECK ((((escalated_to_id IS NULL) = (escalation_reason IS NULL)) AND ((status <>'
         ' ''escalated''::text) OR (escalated_to_id IS NOT NULL)) AND ((status <> '
         '''pending''::text) OR (escalated_to_id IS NULL))))') $$,
    'the keys, references and rules are these'
);
SELECT set_eq(
    $$ SELECT relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       INNER JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid IN (SELECT oid FROM subject)
           AND indisvalid
           AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
           ) $$,
    $$ VALUES
        ('approval_open_ix'::name, false,
         'btree (department_id, created_at) WHERE (status = ANY (ARRAY[''pending''::text, '
         '''escalated''::text]))'),
        ('approval_approver_id_ix', false,
         'btree (department_id, approver_id, decided_at DESC) WHERE (approver_id IS NOT '
         'NULL)'),
        ('approval_escalated_to_id_ix', false,
         'btree (department_id, escalated_to_id) WHERE (escalated_to_id IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT is_empty(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    'there are no triggers'
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
    );
INSERT INTO agentcore.approval (id, message_id, intent_name)
VALUES ('a9000000-0000-4000-8000-0000000000a1', 'e5000000-0000-4000-8000-0000000000a1', 'leave');
SELECT throws_ok(
    format('UPDATE agentcore.approval SET %s', change),
    '23514',
    format('new row for relation "approval" violates check constraint "approval_%s_ck"', rule),
    format('an approval is never such that %s', change)
)
FROM (
    VALUES
        ('status = ''lost''', 'status'),
        ('intent_name = ''''', 'intent_name'),
        ('status = ''approved''', 'decided'),
        ('decided_at = now()', 'decided'),
        ('status = ''approved'', decided_at = now()', 'decided'),
        ('edited_content = ''No''', 'edited'),
        ('status = ''edited'', decided_at = now(), '
         'approver_id = ''5e000000-0000-4000-8000-0000000000a1''', 'edited'),
        ('status = ''escalated''', 'escalated'),
        ('escalation_reason = ''unsure''', 'escalated'),
        ('escalated_to_id = ''5e000000-0000-4000-8000-0000000000a1'', '
         'escalation_reason = ''unsure''', 'escalated')
) AS attempt (change, rule);
SELECT throws_ok(
    $$ INSERT INTO agentcore.approval (message_id)
       VALUES ('e5000000-0000-4000-8000-0000000000a1') $$,
    '23505',
    'duplicate key value violates unique constraint "approval_message_uq"',
    'an answer is decided once'
);
SELECT throws_ok(
    format(
        'UPDATE agentcore.approval SET status = ''escalated'', escalation_reason = ''unsure'', '
        'escalated_to_id = %L',
        '5e000000-0000-4000-8000-0000000000b1'
    ),
    '23503',
    NULL,
    'an approval is handed on within the department'
);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    statement,
    '42501',
    'permission denied for table approval',
    format('a runtime decides nothing by %s', statement)
)
FROM (
    VALUES
        ('UPDATE agentcore.approval SET status = status'),
        ('DELETE FROM agentcore.approval'),
        ('INSERT INTO agentcore.approval (message_id, status) '
         'SELECT id, ''approved'' FROM agentcore.message')
) AS attempt (statement);
RESET ROLE;
DELETE FROM agentcore.conversation;
SELECT is_empty(
    $$ SELECT FROM agentcore.approval $$,
    'a conversation that is deleted takes its approvals'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'approval', ARRAY['approval_tenant', 'approval_tenant_guard'],
    'no other policy widens access to approval'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('approval'::name, 'muniment_app', 'SELECT'),
        ('approval', 'muniment_reader', 'SELECT') $$,
    'the rights to whole rows are these'
);
SELECT is_empty(
    $$ SELECT relname, grantee::regrole::text, privilege_type,
           string_agg(attname, ', ' ORDER BY attnum)
       FROM pg_attribute
       INNER JOIN pg_class ON pg_class.oid = attrelid
       CROSS JOIN aclexplode(attacl)
       WHERE attrelid IN (SELECT oid FROM subject)
       GROUP BY 1, 2, 3 $$,
    'there are no rights to single columns'
);

SELECT * FROM finish(true);
ROLLBACK;

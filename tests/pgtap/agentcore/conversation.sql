-- Subject: agentcore.conversation    Docs: docs/schema/agentcore.md#conversation
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(23);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.conversation', 'agentcore.message']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('conversation'::text, 'department_id'::text, 'uuid', true,
         'platform.current_tenant_id()'),
        ('conversation', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('conversation', 'user_id', 'uuid', true, NULL),
        ('conversation', 'channel', 'text', true, NULL),
        ('conversation', 'status', 'text', true, '''active''::text'),
        ('conversation', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('conversation', 'namespace_id', 'uuid', true, NULL),
        ('conversation', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('message', 'department_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('message', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('message', 'conversation_id', 'uuid', true, NULL),
        ('message', 'role', 'text', true, NULL),
        ('message', 'content', 'text', true, NULL),
        ('message', 'sources', 'jsonb', true, '''[]''::jsonb'),
        ('message', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('conversation_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('conversation_namespace_uq', 'UNIQUE (department_id, namespace_id, id)'),
        ('conversation_user_fk',
         'FOREIGN KEY (department_id, user_id) REFERENCES '
         'agentcore.department_member(department_id, user_id) ON DELETE RESTRICT'),
        ('conversation_namespace_fk',
         'FOREIGN KEY (department_id, namespace_id) REFERENCES '
         'agentcore.namespace(department_id, id) ON DELETE RESTRICT'),
        ('conversation_channel_ck',
         'CHECK ((channel = ANY (ARRAY[''web''::text, ''whatsapp''::text, '
         '''telegram''::text, ''slack''::text, ''email''::text])))'),
        ('conversation_status_ck',
         'CHECK ((status = ANY (ARRAY[''active''::text, ''closed''::text, '
         '''escalated''::text, ''awaiting_approval''::text])))'),
        ('message_pk', 'PRIMARY KEY (department_id, id)'),
        ('message_conversation_uq', 'UNIQUE (department_id, conversation_id, id)'),
        ('message_conversation_fk',
         'FOREIGN KEY (department_id, conversation_id) REFERENCES '
         'agentcore.conversation(department_id, id) ON DELETE CASCADE'),
        ('message_role_ck',
         'CHECK ((role = ANY (ARRAY[''user''::text, ''assistant''::text, '
         '''system''::text])))') $$,
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
        ('conversation_user_id_ix'::name, false,
         'btree (department_id, user_id, created_at DESC)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('conversation_forbid_by_hand_tg'::name,
         'BEFORE UPDATE OF status ON agentcore.conversation FOR EACH ROW WHEN (((new.status'
         ' <> old.status) AND (new.status <> ''closed''::text))) EXECUTE FUNCTION '
         'agentcore.forbid_by_hand()'),
        ('message_forbid_update_tg',
         'BEFORE UPDATE ON agentcore.message FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('message_forbid_truncate_tg',
         'BEFORE TRUNCATE ON agentcore.message FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
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
INSERT INTO agentcore.message (id, conversation_id, role, content)
VALUES (
    'e5000000-0000-4000-8000-0000000000a1', 'c0000000-0000-4000-8000-0000000000a1', 'user', 'Hi'
);
SELECT throws_ok(
    format('UPDATE agentcore.conversation SET %I = %L', name, value),
    '23514',
    format(
        'new row for relation "conversation" violates check constraint "conversation_%s_ck"', name
    ),
    format('%s cannot be %s', name, value)
)
FROM (
    VALUES ('channel', 'fax'), ('status', 'lost')
) AS attempt (name, value);
SELECT throws_ok(
    $$ INSERT INTO agentcore.message (conversation_id, role, content)
       VALUES ('c0000000-0000-4000-8000-0000000000a1', 'tool', 'x') $$,
    '23514',
    'new row for relation "message" violates check constraint "message_role_ck"',
    'a message is of the user, the assistant or the system'
);
SELECT throws_ok(
    $$ UPDATE agentcore.conversation SET user_id = '5e000000-0000-4000-8000-0000000000b1' $$,
    '23503',
    NULL,
    'a conversation of a department is with a user of it'
);
SELECT throws_ok(
    statement,
    'MU001',
    format('agentcore.message is append-only: %s refused', name),
    format('not even a superuser''s %s touches what was said', name)
)
FROM (
    VALUES
        ('update', 'UPDATE agentcore.message SET content = content'),
        ('truncate', 'TRUNCATE agentcore.message CASCADE')
) AS attempt (name, statement);
SELECT throws_ok(
    $$ DELETE FROM agentcore.namespace $$,
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'an assistant that somebody talked with is not deleted'
);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format('UPDATE agentcore.conversation SET status = %L', state),
    '42501',
    'agentcore.conversation: these values are not written by hand',
    format('a runtime does not say that a conversation is %s', state)
)
FROM unnest(ARRAY['escalated', 'awaiting_approval']) AS state;
SELECT throws_ok(
    $$ INSERT INTO agentcore.conversation (user_id, channel, namespace_id, status)
       SELECT user_id, channel, namespace_id, 'closed' FROM agentcore.conversation $$,
    '42501',
    'permission denied for table conversation',
    'nor when it begins'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.message (conversation_id, role, content, created_at)
       SELECT id, 'user', 'Yes', '2000-01-01Z' FROM agentcore.conversation $$,
    '42501',
    'permission denied for table message',
    'nor when something was said'
);
SELECT lives_ok(
    $$ UPDATE agentcore.conversation SET status = 'closed' $$, 'it closes a conversation'
);
SELECT throws_ok(
    $$ UPDATE agentcore.conversation SET status = 'active' $$,
    '42501',
    'agentcore.conversation: these values are not written by hand',
    'and does not open it again'
);
SELECT throws_ok(
    $$ DELETE FROM agentcore.conversation $$,
    '42501',
    'permission denied for table conversation',
    'a runtime closes conversations and deletes none'
);
RESET ROLE;
DELETE FROM agentcore.conversation;
SELECT is_empty(
    $$ SELECT FROM agentcore.message $$,
    'a conversation that is deleted takes what was said'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'conversation', ARRAY['conversation_tenant', 'conversation_tenant_guard'],
    'no other policy widens access to conversation'
);
SELECT policies_are(
    'agentcore', 'message', ARRAY['message_tenant', 'message_tenant_guard'],
    'no other policy widens access to message'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('conversation'::name, 'muniment_app', 'SELECT'),
        ('conversation', 'muniment_reader', 'SELECT'),
        ('message', 'muniment_app', 'SELECT'),
        ('message', 'muniment_reader', 'SELECT') $$,
    'the rights to whole rows are these'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type,
           string_agg(attname, ', ' ORDER BY attnum)
       FROM pg_attribute
       INNER JOIN pg_class ON pg_class.oid = attrelid
       CROSS JOIN aclexplode(attacl)
       WHERE attrelid IN (SELECT oid FROM subject)
       GROUP BY 1, 2, 3 $$,
    $$ VALUES
        ('conversation'::name, 'muniment_app', 'INSERT',
         'department_id, id, user_id, channel, metadata, namespace_id'),
        ('conversation', 'muniment_app', 'UPDATE',
         'status, metadata'),
        ('message', 'muniment_app', 'INSERT',
         'department_id, id, conversation_id, role, content, sources') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;

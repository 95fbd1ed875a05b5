-- Subject: open_agents.chat_messages    Docs: docs/schema/open_agents.md#chat-messages
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(22);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['open_agents.chat_messages']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('chat_messages'::text, 'account_id'::text, 'uuid', true, 'platform.current_tenant_id()'),
        ('chat_messages', 'id', 'text', true, NULL),
        ('chat_messages', 'chat_id', 'text', true, NULL),
        ('chat_messages', 'message_no', 'integer', true, NULL),
        ('chat_messages', 'role', 'text', true, NULL),
        ('chat_messages', 'parts', 'jsonb', true, NULL),
        ('chat_messages', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('chat_messages_pk'::name, 'PRIMARY KEY (account_id, id)'),
        ('chat_messages_message_no_uq', 'UNIQUE (account_id, chat_id, message_no)'),
        ('chat_messages_chat_fk',
         'FOREIGN KEY (account_id, chat_id) REFERENCES open_agents.chats(account_id, id) ON'
         ' DELETE CASCADE'),
        ('chat_messages_id_ck', 'CHECK ((id <> ''''::text))'),
        ('chat_messages_message_no_ck', 'CHECK ((message_no >= 1))'),
        ('chat_messages_role_ck',
         'CHECK ((role = ANY (ARRAY[''user''::text, ''assistant''::text])))'),
        ('chat_messages_parts_ck', 'CHECK ((jsonb_typeof(parts) = ''array''::text))') $$,
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
        ('chat_messages_chat_id_ix'::name, false, 'btree (account_id, chat_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('chat_messages_number_tg'::name,
         'BEFORE INSERT ON open_agents.chat_messages FOR EACH ROW EXECUTE FUNCTION '
         'open_agents.number_message()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO open_agents.accounts (id) VALUES
    ('00000000-0000-4000-8000-00000000000a'), ('00000000-0000-4000-8000-00000000000b');
INSERT INTO open_agents.sessions (account_id, id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 's1'), ('00000000-0000-4000-8000-00000000000a', 's2'),
    ('00000000-0000-4000-8000-00000000000b', 's1');
INSERT INTO open_agents.chats (account_id, id, session_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'c1', 's1'),
    ('00000000-0000-4000-8000-00000000000a', 'c2', 's2'),
    ('00000000-0000-4000-8000-00000000000b', 'c1', 's1');
INSERT INTO open_agents.chat_messages (account_id, id, chat_id, message_no, role, parts) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'm1', 'c1', 7, 'user', '[]'),
    ('00000000-0000-4000-8000-00000000000a', 'm2', 'c1', 7, 'assistant', '[]'),
    ('00000000-0000-4000-8000-00000000000a', 'm3', 'c2', 7, 'user', '[]'),
    ('00000000-0000-4000-8000-00000000000b', 'm1', 'c1', 7, 'user', '[]');

SELECT results_eq(
    $$ SELECT account_id, chat_id, id, message_no
       FROM open_agents.chat_messages
       ORDER BY account_id, chat_id, message_no $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000a'::uuid, 'c1', 'm1', 1),
        ('00000000-0000-4000-8000-00000000000a', 'c1', 'm2', 2),
        ('00000000-0000-4000-8000-00000000000a', 'c2', 'm3', 1),
        ('00000000-0000-4000-8000-00000000000b', 'c1', 'm1', 1) $$,
    'messages are counted from 1 in each chat, whatever number they come with'
);
SELECT throws_ok(
    format('UPDATE open_agents.chat_messages SET %I = %L WHERE id = %L', name, value, 'm3'),
    '23514',
    NULL,
    format('%s cannot be %s', name, value)
)
FROM (
    VALUES ('id', ''), ('message_no', '0'), ('role', 'system'), ('parts', '{}')
) AS attempt (name, value);
SELECT throws_ok(
    $$ UPDATE open_agents.chat_messages SET message_no = 1 WHERE id = 'm2' $$,
    '23505',
    NULL,
    'no two messages of a chat have the same number'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts)
       VALUES ('00000000-0000-4000-8000-00000000000b', 'm4', 'c2', 'user', '[]') $$,
    '23503',
    NULL,
    'a message is in a chat of its account'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT lives_ok(
    $$ INSERT INTO open_agents.chat_messages (id, chat_id, role, parts)
       VALUES ('m4', 'c1', 'assistant', '[]') $$,
    'a client that knows neither account nor number need not name them'
);
SELECT throws_ok(
    format('UPDATE open_agents.chat_messages SET %I = %I', name, name),
    '42501',
    NULL,
    format('a runtime does not rewrite %s', name)
)
FROM (VALUES ('chat_id'), ('message_no'), ('role'), ('created_at')) AS attempt (name);
SELECT throws_ok(
    $$ INSERT INTO open_agents.chat_messages (id, chat_id, role, parts, created_at)
       VALUES ('m5', 'c1', 'user', '[]', '2026-06-10 12:00+00') $$,
    '42501',
    NULL,
    'nor does it say when something was said'
);
SELECT lives_ok(
    $$ UPDATE open_agents.chat_messages SET parts = '[{"type": "text"}]' WHERE id = 'm4' $$,
    'but the parts, while an answer streams in'
);
RESET ROLE;

DELETE FROM open_agents.chats
WHERE account_id = '00000000-0000-4000-8000-00000000000a'
    AND id = 'c1';
SELECT results_eq(
    $$ SELECT account_id, id FROM open_agents.chat_messages ORDER BY id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000b'::uuid, 'm1'),
        ('00000000-0000-4000-8000-00000000000a', 'm3') $$,
    'a chat that is removed takes its messages'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'open_agents', 'chat_messages', ARRAY[
        'chat_messages_tenant', 'chat_messages_tenant_guard', 'chat_messages_service'
    ],
    'no other policy widens access to chat_messages'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('chat_messages'::name, 'muniment_app', 'DELETE'),
        ('chat_messages', 'muniment_app', 'SELECT'),
        ('chat_messages', 'muniment_reader', 'SELECT'),
        ('chat_messages', 'muniment_service', 'DELETE'),
        ('chat_messages', 'muniment_service', 'SELECT') $$,
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
        ('chat_messages'::name, 'muniment_app', 'INSERT',
         'account_id, id, chat_id, message_no, role, parts'),
        ('chat_messages', 'muniment_app', 'UPDATE',
         'parts'),
        ('chat_messages', 'muniment_service', 'INSERT',
         'account_id, id, chat_id, message_no, role, parts'),
        ('chat_messages', 'muniment_service', 'UPDATE',
         'parts') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;

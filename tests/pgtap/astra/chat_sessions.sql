-- Subject: astra.chat_sessions    Docs: docs/schema/astra.md#chat-sessions
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.chat_sessions', 'astra.chat_messages']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('chat_sessions'::text, 'org_id'::text, 'uuid', true, NULL),
        ('chat_sessions', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('chat_sessions', 'agent_id', 'uuid', true, NULL),
        ('chat_sessions', 'user_id', 'uuid', true, NULL),
        ('chat_sessions', 'title', 'text', false, NULL),
        ('chat_sessions', 'retention_days', 'integer', false, NULL),
        ('chat_sessions', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('chat_messages', 'org_id', 'uuid', true, NULL),
        ('chat_messages', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('chat_messages', 'session_id', 'uuid', true, NULL),
        ('chat_messages', 'role', 'text', true, NULL),
        ('chat_messages', 'content', 'text', true, NULL),
        ('chat_messages', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('chat_messages', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('chat_sessions_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('chat_sessions_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('chat_sessions_agent_fk',
         'FOREIGN KEY (org_id, agent_id) REFERENCES astra.agents(org_id, id) ON DELETE '
         'CASCADE'),
        ('chat_sessions_user_fk',
         'FOREIGN KEY (org_id, user_id) REFERENCES astra.users(org_id, id) ON DELETE '
         'CASCADE'),
        ('chat_sessions_retention_days_ck',
         'CHECK (((retention_days >= 1) AND (retention_days <= 36500)))'),
        ('chat_messages_pk', 'PRIMARY KEY (org_id, id)'),
        ('chat_messages_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('chat_messages_session_fk',
         'FOREIGN KEY (org_id, session_id) REFERENCES astra.chat_sessions(org_id, id) ON '
         'DELETE CASCADE'),
        ('chat_messages_role_ck',
         'CHECK ((role = ANY (ARRAY[''user''::text, ''assistant''::text, ''system''::text, '
         '''tool''::text])))') $$,
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
        ('chat_sessions_agent_id_ix'::name, false, 'btree (org_id, agent_id)'),
        ('chat_sessions_user_id_ix', false, 'btree (org_id, user_id, created_at DESC)'),
        ('chat_sessions_retention_ix', false,
         'btree (created_at) WHERE (retention_days IS NOT NULL)'),
        ('chat_messages_session_id_ix', false, 'btree (org_id, session_id, created_at)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('chat_sessions_guard_tg'::name,
         'BEFORE INSERT ON astra.chat_sessions FOR EACH ROW EXECUTE FUNCTION '
         'astra.guard_chat_session()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.users (org_id, id, email)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011',
    'ann@example.org');
INSERT INTO astra.agents (org_id, id, name, chat_capable)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'open',
    true);
INSERT INTO astra.chat_sessions (org_id, id, agent_id, user_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1',
     '00000000-0000-4000-8000-000000000031', '00000000-0000-4000-8000-000000000011');
INSERT INTO astra.chat_messages (org_id, session_id, role, content) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'user',
     'Hello.');

SELECT throws_ok(
    format('UPDATE astra.chat_sessions SET retention_days = %s', days),
    '23514',
    'new row for relation "chat_sessions" violates check constraint '
    '"chat_sessions_retention_days_ck"',
    format('messages are not kept for %s days', days)
)
FROM unnest(ARRAY[0, 36501]) AS days;
SELECT throws_ok(
    $$ UPDATE astra.chat_messages SET role = 'ghost' $$,
    '23514',
    'new row for relation "chat_messages" violates check constraint "chat_messages_role_ck"',
    'a message is of one of four'
);
SAVEPOINT here;
DELETE FROM astra.chat_sessions;
SELECT is_empty($$ SELECT FROM astra.chat_messages $$, 'a session takes its messages along');
ROLLBACK TO here;
DELETE FROM astra.users;
SELECT is_empty($$ SELECT FROM astra.chat_sessions $$, 'a person takes their sessions along');
ROLLBACK TO here;
DELETE FROM astra.agents;
SELECT is_empty($$ SELECT FROM astra.chat_sessions $$, 'and so does an agent');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'chat_sessions', ARRAY[
        'chat_sessions_tenant', 'chat_sessions_tenant_guard', 'chat_sessions_service'
    ],
    'no other policy widens access to chat_sessions'
);
SELECT policies_are(
    'astra', 'chat_messages', ARRAY[
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
        ('chat_sessions'::name, 'muniment_app', 'DELETE'),
        ('chat_sessions', 'muniment_app', 'INSERT'),
        ('chat_sessions', 'muniment_app', 'SELECT'),
        ('chat_sessions', 'muniment_reader', 'SELECT'),
        ('chat_messages', 'muniment_app', 'INSERT'),
        ('chat_messages', 'muniment_app', 'SELECT'),
        ('chat_messages', 'muniment_reader', 'SELECT'),
        ('chat_messages', 'muniment_service', 'DELETE') $$,
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
        ('chat_sessions'::name, 'muniment_app', 'UPDATE',
         'title, retention_days'),
        ('chat_sessions', 'muniment_service', 'SELECT',
         'org_id, id, retention_days, created_at'),
        ('chat_sessions', 'muniment_service', 'UPDATE', 'retention_days'),
        ('chat_messages', 'muniment_service', 'SELECT',
         'org_id, id, session_id, created_at') $$,
    'the rights to columns are these'
);
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT %s FROM astra.%s', column_name, table_name),
    '42501',
    format('permission denied for table %s', table_name),
    format('whoever clears up for all organisations reads no %s', column_name)
)
FROM (
    VALUES ('chat_sessions', 'title'), ('chat_messages', 'content')
) AS attempt (table_name, column_name);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: agentcore.pii_redaction_map    Docs: docs/schema/agentcore.md#pii-redaction-map
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.pii_redaction_map']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('pii_redaction_map'::text, 'department_id'::text, 'uuid', true,
         'platform.current_tenant_id()'),
        ('pii_redaction_map', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('pii_redaction_map', 'conversation_id', 'uuid', true, NULL),
        ('pii_redaction_map', 'placeholder', 'text', true, NULL),
        ('pii_redaction_map', 'entity_type', 'text', true, NULL),
        ('pii_redaction_map', 'encrypted_value', 'bytea', true, NULL),
        ('pii_redaction_map', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('pii_redaction_map_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('pii_redaction_map_placeholder_uq',
         'UNIQUE (department_id, conversation_id, placeholder)'),
        ('pii_redaction_map_conversation_fk',
         'FOREIGN KEY (department_id, conversation_id) REFERENCES '
         'agentcore.conversation(department_id, id) ON DELETE CASCADE'),
        ('pii_redaction_map_placeholder_ck', 'CHECK ((placeholder <> ''''::text))'),
        ('pii_redaction_map_entity_type_ck', 'CHECK ((entity_type <> ''''::text))') $$,
    'the keys, references and rules are these'
);
SELECT is_empty(
    $$ SELECT relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       INNER JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid IN (SELECT oid FROM subject)
           AND indisvalid
           AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
           ) $$,
    'there are no indexes besides those of keys'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('pii_redaction_map_forbid_update_tg'::name,
         'BEFORE UPDATE ON agentcore.pii_redaction_map FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('pii_redaction_map_forbid_truncate_tg',
         'BEFORE TRUNCATE ON agentcore.pii_redaction_map FOR EACH STATEMENT EXECUTE '
         'FUNCTION platform.forbid_change()') $$,
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
INSERT INTO agentcore.pii_redaction_map
    (conversation_id, placeholder, entity_type, encrypted_value)
VALUES ('c0000000-0000-4000-8000-0000000000a1', '[EMAIL_1]', 'EMAIL', '\x01');
SELECT throws_ok(
    format(
        'INSERT INTO agentcore.pii_redaction_map '
        '(conversation_id, placeholder, entity_type, encrypted_value) '
        'VALUES (%L, %L, %L, ''\x01'')',
        'c0000000-0000-4000-8000-0000000000a1', placeholder, entity_type
    ),
    '23514',
    format(
        'new row for relation "pii_redaction_map" violates check constraint '
        '"pii_redaction_map_%s_ck"',
        name
    ),
    format('%s is not empty', name)
)
FROM (
    VALUES ('placeholder', '', 'EMAIL'), ('entity_type', '[EMAIL_2]', '')
) AS attempt (name, placeholder, entity_type);
SELECT throws_ok(
    $$ INSERT INTO agentcore.pii_redaction_map
           (conversation_id, placeholder, entity_type, encrypted_value)
       VALUES ('c0000000-0000-4000-8000-0000000000a1', '[EMAIL_1]', 'EMAIL', '\x02') $$,
    '23505',
    'duplicate key value violates unique constraint "pii_redaction_map_placeholder_uq"',
    'a placeholder stands for one thing in a conversation'
);
SELECT throws_ok(
    statement,
    'MU001',
    format('agentcore.pii_redaction_map is append-only: %s refused', name),
    format('not even a superuser''s %s touches it', name)
)
FROM (
    VALUES
        ('update', 'UPDATE agentcore.pii_redaction_map SET entity_type = entity_type'),
        ('truncate', 'TRUNCATE agentcore.pii_redaction_map')
) AS attempt (name, statement);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT encrypted_value FROM agentcore.pii_redaction_map $$,
    '42501',
    'permission denied for table pii_redaction_map',
    'a runtime that wrote a value does not get it back'
);
RESET ROLE;
DELETE FROM agentcore.conversation;
SELECT is_empty(
    $$ SELECT FROM agentcore.pii_redaction_map $$,
    'a conversation that is deleted takes what was personal in it'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'pii_redaction_map', ARRAY[
        'pii_redaction_map_tenant', 'pii_redaction_map_tenant_guard'
    ],
    'no other policy widens access to pii_redaction_map'
);
SELECT is_empty(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    'there are no rights to whole rows'
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
        ('pii_redaction_map'::name, 'muniment_app', 'INSERT',
         'department_id, id, conversation_id, placeholder, entity_type, '
         'encrypted_value'),
        ('pii_redaction_map', 'muniment_app', 'SELECT',
         'department_id, id, conversation_id, placeholder, entity_type, created_at'),
        ('pii_redaction_map', 'muniment_reader', 'SELECT',
         'department_id, id, conversation_id, placeholder, entity_type, created_at') $$,
    'the rights to columns are these'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    format('SELECT %I FROM agentcore.%I', secret, name),
    '42501',
    format('permission denied for table %s', name),
    format('a reader does not get %s of %s', secret, name)
)
FROM (
    VALUES
        ('pii_redaction_map', 'encrypted_value')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;

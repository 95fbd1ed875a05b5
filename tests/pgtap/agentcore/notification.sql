-- Subject: agentcore.notification    Docs: docs/schema/agentcore.md#notification
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(11);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.notification']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('notification'::text, 'department_id'::text, 'uuid', true,
         'platform.current_tenant_id()'),
        ('notification', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('notification', 'user_id', 'uuid', true, NULL),
        ('notification', 'type', 'text', true, NULL),
        ('notification', 'title', 'text', true, NULL),
        ('notification', 'body', 'text', false, NULL),
        ('notification', 'entity_type', 'text', false, NULL),
        ('notification', 'entity_id', 'text', false, NULL),
        ('notification', 'read_at', 'timestamp with time zone', false, NULL),
        ('notification', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('notification_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('notification_user_fk',
         'FOREIGN KEY (department_id, user_id) REFERENCES '
         'agentcore.department_member(department_id, user_id) ON DELETE RESTRICT'),
        ('notification_type_ck', 'CHECK ((type <> ''''::text))') $$,
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
        ('notification_user_id_ix'::name, false,
         'btree (department_id, user_id, created_at DESC)'),
        ('notification_unread_ix', false,
         'btree (department_id, user_id) WHERE (read_at IS NULL)') $$,
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
INSERT INTO agentcore.notification (user_id, type, title)
VALUES ('5e000000-0000-4000-8000-0000000000a1', 'hint', 'T');
SELECT throws_ok(
    $$ UPDATE agentcore.notification SET type = '' $$,
    '23514',
    'new row for relation "notification" violates check constraint "notification_type_ck"',
    'a notification has a kind'
);
SELECT throws_ok(
    $$ UPDATE agentcore.notification SET user_id = '5e000000-0000-4000-8000-0000000000b1' $$,
    '23503',
    NULL,
    'a notification of a department is for a user of it'
);

SET LOCAL ROLE muniment_app;
SELECT lives_ok(
    $$ UPDATE agentcore.notification SET read_at = now() $$,
    'a runtime marks it as read'
);
SELECT throws_ok(
    $$ UPDATE agentcore.notification SET title = 'Other' $$,
    '42501',
    'permission denied for table notification',
    'and leaves what it said'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'notification', ARRAY['notification_tenant', 'notification_tenant_guard'],
    'no other policy widens access to notification'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('notification'::name, 'muniment_app', 'SELECT'),
        ('notification', 'muniment_reader', 'SELECT') $$,
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
        ('notification'::name, 'muniment_app', 'INSERT',
         'department_id, id, user_id, type, title, body, entity_type, entity_id'),
        ('notification', 'muniment_app', 'UPDATE',
         'read_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;

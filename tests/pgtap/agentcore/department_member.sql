-- Subject: agentcore.department_member    Docs: docs/schema/agentcore.md#department-member
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.department_member']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('department_member'::text, 'department_id'::text, 'uuid', true, NULL),
        ('department_member', 'user_id', 'uuid', true, NULL),
        ('department_member', 'name', 'text', true, NULL),
        ('department_member', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('department_member_pk'::name, 'PRIMARY KEY (department_id, user_id)'),
        ('department_member_department_fk',
         'FOREIGN KEY (department_id) REFERENCES agentcore.department(id) ON DELETE '
         'RESTRICT') $$,
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
INSERT INTO agentcore.department_member (department_id, user_id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 'Ann');
SELECT throws_ok(
    $$ DELETE FROM agentcore.department $$,
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'a department that somebody worked in is not deleted'
);
SELECT set_eq(
    $$ SELECT DISTINCT confdeltype::text
       FROM pg_constraint
       WHERE contype = 'f' AND confrelid = 'agentcore.department_member'::regclass $$,
    ARRAY['r'],
    'whatever a user did in a department keeps the user known there'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ INSERT INTO agentcore.department_member (department_id, user_id, name)
       VALUES (
           '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000ff',
           'Nobody'
       ) $$,
    '42501',
    'permission denied for table department_member',
    'a runtime does not say who belongs to a department'
);
RESET ROLE;
SET LOCAL ROLE muniment_service;
SELECT lives_ok(
    $$ INSERT INTO agentcore.department_member (department_id, user_id, name)
       VALUES (
           '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000a1', 'Ann'
       ) $$,
    'one user may be known in several departments'
);
SELECT throws_ok(
    $$ SELECT name FROM agentcore.department_member $$,
    '42501',
    'permission denied for table department_member',
    'the backend adds to the list, and does not read it'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'department_member', ARRAY[
        'department_member_tenant', 'department_member_tenant_guard',
        'department_member_service'
    ],
    'no other policy widens access to department_member'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('department_member'::name, 'muniment_app', 'SELECT'),
        ('department_member', 'muniment_reader', 'SELECT'),
        ('department_member', 'muniment_service', 'INSERT') $$,
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

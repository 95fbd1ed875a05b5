-- Subject: agentcore.system_role    Docs: docs/schema/agentcore.md#system-role
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(17);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.system_role']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('system_role'::text, 'id'::text, 'uuid', true, 'platform.uuid_generate_v7()'),
        ('system_role', 'name', 'text', true, NULL),
        ('system_role', 'slug', 'text', true, NULL),
        ('system_role', 'is_system', 'boolean', true, 'false'),
        ('system_role', 'all_departments', 'boolean', true, 'false'),
        ('system_role', 'department_ids', 'uuid[]', true, '''{}''::uuid[]'),
        ('system_role', 'permissions', 'text[]', true, '''{}''::text[]'),
        ('system_role', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('system_role_pk'::name, 'PRIMARY KEY (id)'),
        ('system_role_slug_uq', 'UNIQUE (slug)'),
        ('system_role_slug_ck', 'CHECK ((slug <> ''''::text))'),
        ('system_role_departments_ck',
         'CHECK ((NOT (all_departments AND (cardinality(department_ids) > 0))))'),
        ('system_role_department_ids_ck',
         'CHECK ((array_position(department_ids, NULL::uuid) IS NULL))'),
        ('system_role_permissions_ck',
         'CHECK ((array_position(permissions, NULL::text) IS NULL))') $$,
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
INSERT INTO agentcore.system_role (id, name, slug)
VALUES ('40000000-0000-4000-8000-0000000000a1', 'Auditor', 'auditor');
SELECT throws_ok(
    format('UPDATE agentcore.system_role SET %s WHERE slug = ''auditor''', change),
    '23514',
    format(
        'new row for relation "system_role" violates check constraint "system_role_%s_ck"', rule
    ),
    format('a role is never such that %s', change)
)
FROM (
    VALUES
        ('slug = ''''', 'slug'),
        ('all_departments = true, department_ids = ''{00000000-0000-4000-8000-00000000000a}''',
         'departments'),
        ('department_ids = ''{NULL}''', 'department_ids'),
        ('permissions = ''{NULL}''', 'permissions')
) AS attempt (change, rule);
SELECT throws_ok(
    $$ INSERT INTO agentcore.system_role (name, slug) VALUES ('Other', 'auditor') $$,
    '23505',
    'duplicate key value violates unique constraint "system_role_slug_uq"',
    'no two roles have one short name'
);
INSERT INTO agentcore.users (department_id, email, name, role_id) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'ann@example.org', 'Ann',
        '40000000-0000-4000-8000-0000000000a1'
    );
SELECT throws_ok(
    $$ DELETE FROM agentcore.system_role WHERE slug = 'auditor' $$,
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'a role that somebody has is not deleted'
);

SET LOCAL ROLE muniment_service;
SELECT lives_ok(
    $$ INSERT INTO agentcore.system_role (name, slug, permissions)
       VALUES ('Editor', 'editor', '{knowledge.write}') $$,
    'the backend makes roles'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.system_role (name, slug, is_system) VALUES ('Mine', 'mine', true) $$,
    '42501',
    'permission denied for table system_role',
    'but no built-in one'
);
SELECT throws_ok(
    $$ UPDATE agentcore.system_role SET slug = 'root' $$,
    '42501',
    'permission denied for table system_role',
    'and gives no role another short name'
);
RESET ROLE;
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ UPDATE agentcore.system_role SET permissions = '{}' $$,
    '42501',
    'permission denied for table system_role',
    'a runtime changes no role'
);
SELECT throws_ok(
    $$ SELECT department_ids FROM agentcore.system_role $$,
    '42501',
    'permission denied for table system_role',
    'a department is not told which others there are'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('system_role'::name, 'muniment_service', 'SELECT') $$,
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
        ('system_role'::name, 'muniment_app', 'SELECT',
         'id, name, slug, is_system, all_departments, permissions, created_at'),
        ('system_role', 'muniment_reader', 'SELECT',
         'id, name, slug, is_system, all_departments, permissions, created_at'),
        ('system_role', 'muniment_service', 'INSERT',
         'id, name, slug, all_departments, department_ids, permissions'),
        ('system_role', 'muniment_service', 'UPDATE',
         'name, all_departments, department_ids, permissions') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;

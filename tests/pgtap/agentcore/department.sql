-- Subject: agentcore.department    Docs: docs/schema/agentcore.md#department
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.department']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('department'::text, 'id'::text, 'uuid', true, 'platform.uuid_generate_v7()'),
        ('department', 'name', 'text', true, NULL),
        ('department', 'slug', 'text', true, NULL),
        ('department', 'color', 'text', false, NULL),
        ('department', 'description', 'text', false, NULL),
        ('department', 'settings', 'jsonb', true, '''{}''::jsonb'),
        ('department', 'is_archived', 'boolean', true, 'false'),
        ('department', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('department_pk'::name, 'PRIMARY KEY (id)'),
        ('department_slug_uq', 'UNIQUE (slug)'),
        ('department_slug_ck', 'CHECK ((slug <> ''''::text))') $$,
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
SELECT throws_ok(
    $$ INSERT INTO agentcore.department (name, slug) VALUES ('Other', 'a') $$,
    '23505',
    'duplicate key value violates unique constraint "department_slug_uq"',
    'a department is named so in addresses, and no other one is'
);
SELECT throws_ok(
    $$ UPDATE agentcore.department SET slug = '' $$,
    '23514',
    'new row for relation "department" violates check constraint "department_slug_ck"',
    'an address needs a name'
);
SELECT set_eq(
    $$ SELECT DISTINCT confdeltype::text
       FROM pg_constraint
       WHERE contype = 'f' AND confrelid = 'agentcore.department'::regclass $$,
    ARRAY['r'],
    'whatever belongs to a department keeps it from being deleted'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT slug FROM agentcore.department $$,
    $$ VALUES ('a') $$,
    'a department is not told which others there are'
);
SELECT throws_ok(
    $$ UPDATE agentcore.department SET is_archived = false $$,
    '42501',
    'permission denied for table department',
    'a runtime gives no department up'
);
RESET ROLE;
SET LOCAL ROLE muniment_service;
SELECT lives_ok(
    $$ UPDATE agentcore.department SET is_archived = true WHERE slug = 'b' $$,
    'the backend does'
);
SELECT throws_ok(
    $$ DELETE FROM agentcore.department $$,
    '42501',
    'permission denied for table department',
    'and deletes none'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'department', ARRAY[
        'department_tenant', 'department_tenant_guard', 'department_service'
    ],
    'no other policy widens access to department'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('department'::name, 'muniment_app', 'SELECT'),
        ('department', 'muniment_reader', 'SELECT'),
        ('department', 'muniment_service', 'INSERT'),
        ('department', 'muniment_service', 'SELECT') $$,
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
        ('department'::name, 'muniment_service', 'UPDATE',
         'name, slug, color, description, settings, is_archived') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;

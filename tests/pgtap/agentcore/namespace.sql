-- Subject: agentcore.namespace    Docs: docs/schema/agentcore.md#namespace
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.namespace', 'agentcore.namespace_plugin']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('namespace'::text, 'department_id'::text, 'uuid', true, NULL),
        ('namespace', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('namespace', 'name', 'text', true, NULL),
        ('namespace', 'system_prompt', 'text', false, NULL),
        ('namespace', 'persona', 'jsonb', true, '''{}''::jsonb'),
        ('namespace', 'config', 'jsonb', true, '''{}''::jsonb'),
        ('namespace', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('namespace_plugin', 'department_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('namespace_plugin', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('namespace_plugin', 'namespace_id', 'uuid', true, NULL),
        ('namespace_plugin', 'plugin_id', 'text', true, NULL),
        ('namespace_plugin', 'config', 'jsonb', true, '''{}''::jsonb'),
        ('namespace_plugin', 'enabled', 'boolean', true, 'true'),
        ('namespace_plugin', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('namespace_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('namespace_name_uq', 'UNIQUE (department_id, name)'),
        ('namespace_department_fk',
         'FOREIGN KEY (department_id) REFERENCES agentcore.department(id) ON DELETE '
         'RESTRICT'),
        ('namespace_name_ck', 'CHECK ((name <> ''''::text))'),
        ('namespace_plugin_pk', 'PRIMARY KEY (department_id, id)'),
        ('namespace_plugin_plugin_id_uq', 'UNIQUE (department_id, namespace_id, plugin_id)'),
        ('namespace_plugin_namespace_fk',
         'FOREIGN KEY (department_id, namespace_id) REFERENCES '
         'agentcore.namespace(department_id, id) ON DELETE CASCADE'),
        ('namespace_plugin_plugin_id_ck', 'CHECK ((plugin_id <> ''''::text))') $$,
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
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
INSERT INTO agentcore.namespace (department_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1', 'Desk');
INSERT INTO agentcore.namespace_plugin (namespace_id, plugin_id, config) VALUES
    ('4a000000-0000-4000-8000-0000000000a1', 'calendar', '{"token": "t"}');
SELECT throws_ok(
    format('UPDATE agentcore.%I SET %I = %L', table_name, name, ''),
    '23514',
    format(
        'new row for relation "%1$s" violates check constraint "%1$s_%2$s_ck"', table_name, name
    ),
    format('%s of a %s is not empty', name, table_name)
)
FROM (
    VALUES ('namespace', 'name'), ('namespace_plugin', 'plugin_id')
) AS attempt (table_name, name);
SELECT throws_ok(
    $$ INSERT INTO agentcore.namespace_plugin (namespace_id, plugin_id)
       VALUES ('4a000000-0000-4000-8000-0000000000a1', 'calendar') $$,
    '23505',
    'duplicate key value violates unique constraint "namespace_plugin_plugin_id_uq"',
    'an assistant has an integration once'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.namespace (department_id, name)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'Desk') $$,
    '23505',
    'duplicate key value violates unique constraint "namespace_name_uq"',
    'a department has one assistant of a name'
);
DELETE FROM agentcore.namespace;
SELECT is_empty(
    $$ SELECT FROM agentcore.namespace_plugin $$,
    'an assistant that is deleted takes its integrations'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'namespace', ARRAY['namespace_tenant', 'namespace_tenant_guard'],
    'no other policy widens access to namespace'
);
SELECT policies_are(
    'agentcore', 'namespace_plugin', ARRAY[
        'namespace_plugin_tenant', 'namespace_plugin_tenant_guard'
    ],
    'no other policy widens access to namespace_plugin'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('namespace'::name, 'muniment_app', 'DELETE'),
        ('namespace', 'muniment_app', 'INSERT'),
        ('namespace', 'muniment_app', 'SELECT'),
        ('namespace', 'muniment_reader', 'SELECT'),
        ('namespace_plugin', 'muniment_app', 'DELETE'),
        ('namespace_plugin', 'muniment_app', 'INSERT'),
        ('namespace_plugin', 'muniment_app', 'SELECT') $$,
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
        ('namespace'::name, 'muniment_app', 'UPDATE',
         'name, system_prompt, persona, config'),
        ('namespace_plugin', 'muniment_app', 'UPDATE',
         'namespace_id, plugin_id, config, enabled'),
        ('namespace_plugin', 'muniment_reader', 'SELECT',
         'department_id, id, namespace_id, plugin_id, enabled, created_at') $$,
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
        ('namespace_plugin', 'config')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;

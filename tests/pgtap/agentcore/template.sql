-- Subject: agentcore.template    Docs: docs/schema/agentcore.md#template
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.template', 'agentcore.document_template']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('template'::text, 'department_id'::text, 'uuid', true, NULL),
        ('template', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('template', 'name', 'text', true, NULL),
        ('template', 'file_path', 'text', true, NULL),
        ('template', 'variables', 'jsonb', true, '''[]''::jsonb'),
        ('template', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('document_template', 'department_id', 'uuid', true, NULL),
        ('document_template', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('document_template', 'namespace_id', 'uuid', false, NULL),
        ('document_template', 'name', 'text', true, NULL),
        ('document_template', 'description', 'text', false, NULL),
        ('document_template', 'category', 'text', false, NULL),
        ('document_template', 'template_body', 'text', true, NULL),
        ('document_template', 'variables', 'jsonb', true, '''[]''::jsonb'),
        ('document_template', 'output_format', 'text', true, '''pdf''::text'),
        ('document_template', 'created_by', 'uuid', false, NULL),
        ('document_template', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('template_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('template_name_uq', 'UNIQUE (department_id, name)'),
        ('template_department_fk',
         'FOREIGN KEY (department_id) REFERENCES agentcore.department(id) ON DELETE '
         'RESTRICT'),
        ('template_file_path_ck', 'CHECK ((file_path <> ''''::text))'),
        ('document_template_pk', 'PRIMARY KEY (department_id, id)'),
        ('document_template_name_uq',
         'UNIQUE NULLS NOT DISTINCT (department_id, namespace_id, name)'),
        ('document_template_department_fk',
         'FOREIGN KEY (department_id) REFERENCES agentcore.department(id) ON DELETE '
         'RESTRICT'),
        ('document_template_namespace_fk',
         'FOREIGN KEY (department_id, namespace_id) REFERENCES '
         'agentcore.namespace(department_id, id) ON DELETE CASCADE'),
        ('document_template_created_by_fk',
         'FOREIGN KEY (department_id, created_by) REFERENCES '
         'agentcore.department_member(department_id, user_id) ON DELETE RESTRICT'),
        ('document_template_output_format_ck',
         'CHECK ((output_format = ANY (ARRAY[''pdf''::text, ''docx''::text, '
         '''txt''::text])))') $$,
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
        ('document_template_created_by_ix'::name, false,
         'btree (department_id, created_by) WHERE (created_by IS NOT NULL)') $$,
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
INSERT INTO agentcore.template (department_id, name, file_path)
VALUES ('00000000-0000-4000-8000-00000000000a', 'Letter', '/t/l.docx');
INSERT INTO agentcore.document_template
    (department_id, id, namespace_id, name, template_body, created_by)
VALUES (
    '00000000-0000-4000-8000-00000000000a', '7a000000-0000-4000-8000-0000000000a1', NULL,
    'Letter', 'Dear {{name}}', '5e000000-0000-4000-8000-0000000000a1'
);
SELECT throws_ok(
    format('UPDATE agentcore.%I SET %I = %L', table_name, name, value),
    '23514',
    format(
        'new row for relation "%1$s" violates check constraint "%1$s_%2$s_ck"', table_name, name
    ),
    format('%s of a %s cannot be %s', name, table_name, value)
)
FROM (
    VALUES ('template', 'file_path', ''), ('document_template', 'output_format', 'url')
) AS attempt (table_name, name, value);
SELECT throws_ok(
    $$ INSERT INTO agentcore.document_template (department_id, name, template_body)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'Letter', '') $$,
    '23505',
    'duplicate key value violates unique constraint "document_template_name_uq"',
    'a department has one template of a name, besides those of its assistants'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.template (department_id, name, file_path)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'Letter', '/t/m.docx') $$,
    '23505',
    'duplicate key value violates unique constraint "template_name_uq"',
    'the same holds for files'
);
SELECT throws_ok(
    $$ UPDATE agentcore.document_template
       SET created_by = '5e000000-0000-4000-8000-0000000000b1' $$,
    '23503',
    NULL,
    'a template of a department was made by a user of it'
);
INSERT INTO agentcore.document_template (department_id, namespace_id, name, template_body) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1',
        'Letter', 'Hello {{name}}'
    );
DELETE FROM agentcore.namespace;
SELECT results_eq(
    $$ SELECT template_body FROM agentcore.document_template $$,
    $$ VALUES ('Dear {{name}}') $$,
    'an assistant that is deleted takes its templates, and leaves those of the department'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'template', ARRAY['template_tenant', 'template_tenant_guard'],
    'no other policy widens access to template'
);
SELECT policies_are(
    'agentcore', 'document_template', ARRAY[
        'document_template_tenant', 'document_template_tenant_guard'
    ],
    'no other policy widens access to document_template'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('template'::name, 'muniment_app', 'DELETE'),
        ('template', 'muniment_app', 'INSERT'),
        ('template', 'muniment_app', 'SELECT'),
        ('template', 'muniment_reader', 'SELECT'),
        ('document_template', 'muniment_app', 'DELETE'),
        ('document_template', 'muniment_app', 'INSERT'),
        ('document_template', 'muniment_app', 'SELECT'),
        ('document_template', 'muniment_reader', 'SELECT') $$,
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
        ('template'::name, 'muniment_app', 'UPDATE',
         'name, file_path, variables'),
        ('document_template', 'muniment_app', 'UPDATE',
         'namespace_id, name, description, category, template_body, variables, '
         'output_format, created_by') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;

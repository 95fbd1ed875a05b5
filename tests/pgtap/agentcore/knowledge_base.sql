-- Subject: agentcore.knowledge_base    Docs: docs/schema/agentcore.md#knowledge-base
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.knowledge_base', 'agentcore.document']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('knowledge_base'::text, 'department_id'::text, 'uuid', true, NULL),
        ('knowledge_base', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('knowledge_base', 'name', 'text', true, NULL),
        ('knowledge_base', 'description', 'text', false, NULL),
        ('knowledge_base', 'config', 'jsonb', true, '''{}''::jsonb'),
        ('knowledge_base', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('document', 'department_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('document', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('document', 'knowledge_base_id', 'uuid', true, NULL),
        ('document', 'title', 'text', true, NULL),
        ('document', 'type', 'text', true, NULL),
        ('document', 'original_url', 'text', false, NULL),
        ('document', 'status', 'text', true, '''pending''::text'),
        ('document', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('document', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('knowledge_base_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('knowledge_base_name_uq', 'UNIQUE (department_id, name)'),
        ('knowledge_base_department_fk',
         'FOREIGN KEY (department_id) REFERENCES agentcore.department(id) ON DELETE '
         'RESTRICT'),
        ('knowledge_base_name_ck', 'CHECK ((name <> ''''::text))'),
        ('document_pk', 'PRIMARY KEY (department_id, id)'),
        ('document_knowledge_base_fk',
         'FOREIGN KEY (department_id, knowledge_base_id) REFERENCES '
         'agentcore.knowledge_base(department_id, id) ON DELETE CASCADE'),
        ('document_type_ck',
         'CHECK ((type = ANY (ARRAY[''pdf''::text, ''docx''::text, ''txt''::text, '
         '''url''::text, ''image''::text])))'),
        ('document_status_ck',
         'CHECK ((status = ANY (ARRAY[''pending''::text, ''processing''::text, '
         '''ready''::text, ''failed''::text])))'),
        ('document_metadata_ck', 'CHECK ((jsonb_typeof(metadata) = ''object''::text))') $$,
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
        ('document_knowledge_base_id_ix'::name, false,
         'btree (department_id, knowledge_base_id, status)') $$,
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
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
INSERT INTO agentcore.knowledge_base (department_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', 'cb000000-0000-4000-8000-0000000000a1', 'Handbook');
INSERT INTO agentcore.document (id, knowledge_base_id, title, type) VALUES
    (
        'd0000000-0000-4000-8000-0000000000a1', 'cb000000-0000-4000-8000-0000000000a1',
        'Travel', 'pdf'
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
    VALUES
        ('knowledge_base', 'name', ''), ('document', 'type', 'html'),
        ('document', 'status', 'lost'), ('document', 'metadata', '[]')
) AS attempt (table_name, name, value);
SELECT throws_ok(
    $$ INSERT INTO agentcore.knowledge_base (department_id, name)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'Handbook') $$,
    '23505',
    'duplicate key value violates unique constraint "knowledge_base_name_uq"',
    'a department has one knowledge base of a name'
);
SELECT lives_ok(
    $$ INSERT INTO agentcore.knowledge_base (department_id, name)
       VALUES ('00000000-0000-4000-8000-00000000000b', 'Handbook') $$,
    'another department may have one of that name too'
);
DELETE FROM agentcore.knowledge_base WHERE id = 'cb000000-0000-4000-8000-0000000000a1';
SELECT is_empty(
    $$ SELECT FROM agentcore.document $$,
    'a knowledge base that is deleted takes its documents'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'knowledge_base', ARRAY[
        'knowledge_base_tenant', 'knowledge_base_tenant_guard'
    ],
    'no other policy widens access to knowledge_base'
);
SELECT policies_are(
    'agentcore', 'document', ARRAY['document_tenant', 'document_tenant_guard'],
    'no other policy widens access to document'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('knowledge_base'::name, 'muniment_app', 'DELETE'),
        ('knowledge_base', 'muniment_app', 'INSERT'),
        ('knowledge_base', 'muniment_app', 'SELECT'),
        ('knowledge_base', 'muniment_reader', 'SELECT'),
        ('document', 'muniment_app', 'DELETE'),
        ('document', 'muniment_app', 'INSERT'),
        ('document', 'muniment_app', 'SELECT'),
        ('document', 'muniment_reader', 'SELECT') $$,
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
        ('knowledge_base'::name, 'muniment_app', 'UPDATE',
         'name, description, config'),
        ('document', 'muniment_app', 'UPDATE',
         'knowledge_base_id, title, type, original_url, status, metadata') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;

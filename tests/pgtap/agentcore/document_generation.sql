-- Subject: agentcore.document_generation    Docs: docs/schema/agentcore.md#document-generation
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(18);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.document_generation']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('document_generation'::text, 'department_id'::text, 'uuid', true,
         'platform.current_tenant_id()'),
        ('document_generation', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('document_generation', 'template_id', 'uuid', false, NULL),
        ('document_generation', 'user_id', 'uuid', true, NULL),
        ('document_generation', 'input', 'jsonb', true, '''{}''::jsonb'),
        ('document_generation', 'output', 'text', false, NULL),
        ('document_generation', 'output_file_id', 'uuid', false, NULL),
        ('document_generation', 'status', 'text', true, '''pending''::text'),
        ('document_generation', 'error', 'text', false, NULL),
        ('document_generation', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('document_generation_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('document_generation_template_fk',
         'FOREIGN KEY (department_id, template_id) REFERENCES '
         'agentcore.document_template(department_id, id) ON DELETE SET NULL (template_id)'),
        ('document_generation_user_fk',
         'FOREIGN KEY (department_id, user_id) REFERENCES '
         'agentcore.department_member(department_id, user_id) ON DELETE RESTRICT'),
        ('document_generation_output_file_fk',
         'FOREIGN KEY (department_id, output_file_id) REFERENCES '
         'agentcore.document(department_id, id) ON DELETE SET NULL (output_file_id)'),
        ('document_generation_status_ck',
         'CHECK ((status = ANY (ARRAY[''pending''::text, ''ready''::text, '
         '''failed''::text])))'),
        ('document_generation_output_ck',
         'CHECK (((status = ''ready''::text) = (output IS NOT NULL)))'),
        ('document_generation_output_file_ck',
         'CHECK (((output_file_id IS NULL) OR (status = ''ready''::text)))'),
        ('document_generation_error_ck',
         'CHECK (((status = ''failed''::text) = (error IS NOT NULL)))') $$,
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
        ('document_generation_template_id_ix'::name, false,
         'btree (department_id, template_id) WHERE (template_id IS NOT NULL)'),
        ('document_generation_user_id_ix', false,
         'btree (department_id, user_id, created_at DESC)'),
        ('document_generation_output_file_id_ix', false,
         'btree (department_id, output_file_id) WHERE (output_file_id IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('document_generation_forbid_by_hand_tg'::name,
         'BEFORE UPDATE OF output_file_id ON agentcore.document_generation FOR EACH ROW WHEN '
         '(((old.status <> ''pending''::text) AND (new.output_file_id IS DISTINCT FROM '
         'old.output_file_id))) EXECUTE FUNCTION agentcore.forbid_by_hand()'),
        ('document_generation_forbid_update_tg',
         'BEFORE UPDATE OF output, status, error ON agentcore.document_generation FOR EACH '
         'ROW WHEN ((old.status <> ''pending''::text)) EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
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
INSERT INTO agentcore.document_template (department_id, id, name, template_body) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '7a000000-0000-4000-8000-0000000000a1',
        'Letter', 'Dear {{name}}'
    );
INSERT INTO agentcore.knowledge_base (department_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', 'cb000000-0000-4000-8000-0000000000a1', 'Letters');
INSERT INTO agentcore.document (id, knowledge_base_id, title, type) VALUES
    (
        'd0000000-0000-4000-8000-0000000000a1', 'cb000000-0000-4000-8000-0000000000a1',
        'Letter', 'pdf'
    );
INSERT INTO agentcore.document_generation (id, template_id, user_id)
VALUES (
    '9e000000-0000-4000-8000-0000000000a1', '7a000000-0000-4000-8000-0000000000a1',
    '5e000000-0000-4000-8000-0000000000a1'
);
SELECT throws_ok(
    format('UPDATE agentcore.document_generation SET %s', change),
    '23514',
    format(
        'new row for relation "document_generation" violates check constraint '
        '"document_generation_%s_ck"',
        rule
    ),
    format('a generation is never such that %s', change)
)
FROM (
    VALUES
        ('status = ''lost''', 'status'),
        ('status = ''ready''', 'output'),
        ('output = ''Dear Ann''', 'output'),
        ('output_file_id = ''d0000000-0000-4000-8000-0000000000a1''', 'output_file'),
        ('status = ''failed''', 'error'),
        ('error = ''no paper''', 'error')
) AS attempt (change, rule);
SELECT throws_ok(
    $$ UPDATE agentcore.document_generation SET user_id = '5e000000-0000-4000-8000-0000000000b1' $$,
    '23503',
    NULL,
    'a document of a department was made for a user of it'
);
UPDATE agentcore.document_generation
SET status = 'ready',
    output = 'Dear Ann',
    output_file_id = 'd0000000-0000-4000-8000-0000000000a1';
SELECT throws_ok(
    $$ UPDATE agentcore.document_generation SET output = 'Dear Ben' $$,
    'MU001',
    'agentcore.document_generation is append-only: update refused',
    'what came out is not written anew'
);
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format('UPDATE agentcore.document_generation SET output_file_id = %L', document),
    '42501',
    'agentcore.document_generation: these values are not written by hand',
    'nor does a runtime say later that it was saved as ' || coalesce(document, 'nothing')
)
FROM unnest(ARRAY[NULL, 'd0000000-0000-4000-8000-0000000000a2']) AS document;
RESET ROLE;
DELETE FROM agentcore.document;
DELETE FROM agentcore.document_template;
SELECT results_eq(
    $$ SELECT department_id, template_id, output_file_id, output
       FROM agentcore.document_generation $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000a'::uuid, NULL::uuid, NULL::uuid, 'Dear Ann') $$,
    'the history outlives template and document, and stays with its department'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'document_generation', ARRAY[
        'document_generation_tenant', 'document_generation_tenant_guard'
    ],
    'no other policy widens access to document_generation'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('document_generation'::name, 'muniment_app', 'SELECT'),
        ('document_generation', 'muniment_reader', 'SELECT') $$,
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
        ('document_generation'::name, 'muniment_app', 'INSERT',
         'department_id, id, template_id, user_id, input'),
        ('document_generation', 'muniment_app', 'UPDATE',
         'output, output_file_id, status, error') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: agentcore.chunk    Docs: docs/schema/agentcore.md#chunk
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.chunk', 'agentcore.chunk_question']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('chunk'::text, 'department_id'::text, 'uuid', true, 'platform.current_tenant_id()'),
        ('chunk', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('chunk', 'document_id', 'uuid', true, NULL),
        ('chunk', 'content', 'text', true, NULL),
        ('chunk', 'embedding', 'platform.vector(1536)', false, NULL),
        ('chunk', 'synthetic_questions', 'text[]', true, '''{}''::text[]'),
        ('chunk', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('chunk', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('chunk_question', 'department_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('chunk_question', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('chunk_question', 'chunk_id', 'uuid', true, NULL),
        ('chunk_question', 'question', 'text', true, NULL),
        ('chunk_question', 'embedding', 'platform.vector(1536)', false, NULL),
        ('chunk_question', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('chunk_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('chunk_document_uq', 'UNIQUE (department_id, document_id, id)'),
        ('chunk_document_fk',
         'FOREIGN KEY (department_id, document_id) REFERENCES '
         'agentcore.document(department_id, id) ON DELETE CASCADE'),
        ('chunk_content_ck', 'CHECK ((content <> ''''::text))'),
        ('chunk_embedding_ck',
         'CHECK ((platform.vector_norm(embedding) > (0)::double precision))'),
        ('chunk_question_pk', 'PRIMARY KEY (department_id, id)'),
        ('chunk_question_question_uq', 'UNIQUE (department_id, chunk_id, question)'),
        ('chunk_question_chunk_fk',
         'FOREIGN KEY (department_id, chunk_id) REFERENCES agentcore.chunk(department_id, '
         'id) ON DELETE CASCADE'),
        ('chunk_question_embedding_ck',
         'CHECK ((platform.vector_norm(embedding) > (0)::double precision))') $$,
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
        ('chunk_embedding_ix'::name, false, 'hnsw (embedding platform.vector_cosine_ops)'),
        ('chunk_question_embedding_ix', false,
         'hnsw (embedding platform.vector_cosine_ops)') $$,
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
INSERT INTO agentcore.chunk (id, document_id, content)
VALUES (
    'ca000000-0000-4000-8000-0000000000a1', 'd0000000-0000-4000-8000-0000000000a1', 'Ask first.'
);
INSERT INTO agentcore.chunk_question (chunk_id, question)
VALUES ('ca000000-0000-4000-8000-0000000000a1', 'May I travel?');
SELECT throws_ok(
    $$ UPDATE agentcore.chunk SET content = '' $$,
    '23514',
    'new row for relation "chunk" violates check constraint "chunk_content_ck"',
    'a chunk has a text'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.chunk_question (chunk_id, question)
       VALUES ('ca000000-0000-4000-8000-0000000000a1', 'May I travel?') $$,
    '23505',
    'duplicate key value violates unique constraint "chunk_question_question_uq"',
    'a question is asked of a chunk once'
);
SELECT throws_ok(
    $$ UPDATE agentcore.chunk SET embedding = '[1, 2, 3]' $$,
    '22000',
    'expected 1536 dimensions, not 3',
    'an embedding is of the model that all are of'
);
DELETE FROM agentcore.document;
SELECT is_empty(
    $$ SELECT FROM agentcore.chunk UNION ALL SELECT FROM agentcore.chunk_question $$,
    'a document that is deleted takes its chunks, and they their questions'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'chunk', ARRAY['chunk_tenant', 'chunk_tenant_guard'],
    'no other policy widens access to chunk'
);
SELECT policies_are(
    'agentcore', 'chunk_question', ARRAY[
        'chunk_question_tenant', 'chunk_question_tenant_guard'
    ],
    'no other policy widens access to chunk_question'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('chunk'::name, 'muniment_app', 'DELETE'),
        ('chunk', 'muniment_app', 'INSERT'),
        ('chunk', 'muniment_app', 'SELECT'),
        ('chunk', 'muniment_reader', 'SELECT'),
        ('chunk_question', 'muniment_app', 'DELETE'),
        ('chunk_question', 'muniment_app', 'INSERT'),
        ('chunk_question', 'muniment_app', 'SELECT'),
        ('chunk_question', 'muniment_reader', 'SELECT') $$,
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
        ('chunk'::name, 'muniment_app', 'UPDATE',
         'document_id, content, embedding, synthetic_questions, metadata'),
        ('chunk_question', 'muniment_app', 'UPDATE',
         'chunk_id, question, embedding') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;

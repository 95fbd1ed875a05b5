-- Deploy agentcore:chunk to pg
-- requires: knowledge_base
-- requires: platform:vector
--
-- A text is found by what it says and by the questions that it answers, each with an embedding of
-- the same model. Vectors of all departments share an index; row security and search_knowledge()
-- take the department's own out of it.
-- Locks: SHARE ROW EXCLUSIVE on document.  Docs: docs/schema/agentcore.md#chunk

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.chunk (
    department_id       uuid                  NOT NULL DEFAULT platform.current_tenant_id(),
    id                  uuid                  NOT NULL DEFAULT platform.uuid_generate_v7(),
    document_id         uuid                  NOT NULL,
    content             text                  NOT NULL,
    embedding           platform.vector(1536),
    synthetic_questions text[]                NOT NULL DEFAULT '{}',
    metadata            jsonb                 NOT NULL DEFAULT '{}',
    created_at          timestamptz           NOT NULL DEFAULT now(),

    CONSTRAINT chunk_pk PRIMARY KEY (department_id, id),
    CONSTRAINT chunk_document_uq UNIQUE (department_id, document_id, id),
    CONSTRAINT chunk_document_fk FOREIGN KEY (department_id, document_id)
        REFERENCES agentcore.document (department_id, id) ON DELETE CASCADE,
    CONSTRAINT chunk_content_ck CHECK (content <> ''),
    CONSTRAINT chunk_embedding_ck CHECK (platform.vector_norm(embedding) > 0)
);

-- Search by meaning.
CREATE INDEX chunk_embedding_ix
    ON agentcore.chunk USING hnsw (embedding platform.vector_cosine_ops);

COMMENT ON TABLE agentcore.chunk IS 'A piece of a document that can be found.';
COMMENT ON COLUMN agentcore.chunk.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.chunk.id IS 'The chunk.';
COMMENT ON COLUMN agentcore.chunk.document_id IS 'The document.';
COMMENT ON COLUMN agentcore.chunk.content IS 'The text.';
COMMENT ON COLUMN agentcore.chunk.embedding IS
    'Meaning of the text. NULL until it is computed; then it is found.';
COMMENT ON COLUMN agentcore.chunk.synthetic_questions IS
    'Questions that it answers, as they were made; those with an embedding are in chunk_question.';
COMMENT ON COLUMN agentcore.chunk.metadata IS 'Further facts, for example the page.';
COMMENT ON COLUMN agentcore.chunk.created_at IS 'When the row was made.';

ALTER TABLE agentcore.chunk ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.chunk FORCE ROW LEVEL SECURITY;

CREATE POLICY chunk_tenant ON agentcore.chunk
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY chunk_tenant_guard ON agentcore.chunk AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON agentcore.chunk TO muniment_app;
GRANT UPDATE (
    document_id, content, embedding, synthetic_questions, metadata
) ON agentcore.chunk TO muniment_app;
GRANT SELECT ON agentcore.chunk TO muniment_reader;

CREATE TABLE agentcore.chunk_question (
    department_id uuid                  NOT NULL DEFAULT platform.current_tenant_id(),
    id            uuid                  NOT NULL DEFAULT platform.uuid_generate_v7(),
    chunk_id      uuid                  NOT NULL,
    question      text                  NOT NULL,
    embedding     platform.vector(1536),
    created_at    timestamptz           NOT NULL DEFAULT now(),

    CONSTRAINT chunk_question_pk PRIMARY KEY (department_id, id),
    CONSTRAINT chunk_question_question_uq UNIQUE (department_id, chunk_id, question),
    CONSTRAINT chunk_question_chunk_fk FOREIGN KEY (department_id, chunk_id)
        REFERENCES agentcore.chunk (department_id, id) ON DELETE CASCADE,
    CONSTRAINT chunk_question_embedding_ck CHECK (platform.vector_norm(embedding) > 0)
);

-- Search by meaning.
CREATE INDEX chunk_question_embedding_ix
    ON agentcore.chunk_question USING hnsw (embedding platform.vector_cosine_ops);

COMMENT ON TABLE agentcore.chunk_question IS 'A question that a chunk answers.';
COMMENT ON COLUMN agentcore.chunk_question.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.chunk_question.id IS 'The question.';
COMMENT ON COLUMN agentcore.chunk_question.chunk_id IS 'The chunk.';
COMMENT ON COLUMN agentcore.chunk_question.question IS 'The question.';
COMMENT ON COLUMN agentcore.chunk_question.embedding IS
    'Meaning of the question. NULL until it is computed; then it is found.';
COMMENT ON COLUMN agentcore.chunk_question.created_at IS 'When the row was made.';

ALTER TABLE agentcore.chunk_question ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.chunk_question FORCE ROW LEVEL SECURITY;

CREATE POLICY chunk_question_tenant ON agentcore.chunk_question
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY chunk_question_tenant_guard ON agentcore.chunk_question AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON agentcore.chunk_question TO muniment_app;
GRANT UPDATE (chunk_id, question, embedding) ON agentcore.chunk_question TO muniment_app;
GRANT SELECT ON agentcore.chunk_question TO muniment_reader;

COMMIT;

-- Deploy agentcore:knowledge_base to pg
-- requires: department
--
-- What a department wants its assistants to know. A document is uploaded, or was generated and
-- saved back; either way it is cut into chunks when it is ready.
-- Locks: SHARE ROW EXCLUSIVE on department.  Docs: docs/schema/agentcore.md#knowledge-base

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.knowledge_base (
    department_id uuid        NOT NULL,
    id            uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    name          text        NOT NULL,
    description   text,
    config        jsonb       NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT knowledge_base_pk PRIMARY KEY (department_id, id),
    CONSTRAINT knowledge_base_name_uq UNIQUE (department_id, name),
    CONSTRAINT knowledge_base_department_fk FOREIGN KEY (department_id)
        REFERENCES agentcore.department (id) ON DELETE RESTRICT,
    CONSTRAINT knowledge_base_name_ck CHECK (name <> '')
);

COMMENT ON TABLE agentcore.knowledge_base IS 'A collection of documents.';
COMMENT ON COLUMN agentcore.knowledge_base.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.knowledge_base.id IS 'The knowledge base.';
COMMENT ON COLUMN agentcore.knowledge_base.name IS 'For people, unique in the department.';
COMMENT ON COLUMN agentcore.knowledge_base.description IS 'What is in it.';
COMMENT ON COLUMN agentcore.knowledge_base.config IS 'How documents are cut and found.';
COMMENT ON COLUMN agentcore.knowledge_base.created_at IS 'When the row was made.';

ALTER TABLE agentcore.knowledge_base ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.knowledge_base FORCE ROW LEVEL SECURITY;

CREATE POLICY knowledge_base_tenant ON agentcore.knowledge_base
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY knowledge_base_tenant_guard ON agentcore.knowledge_base AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON agentcore.knowledge_base TO muniment_app;
GRANT UPDATE (name, description, config) ON agentcore.knowledge_base TO muniment_app;
GRANT SELECT ON agentcore.knowledge_base TO muniment_reader;

CREATE TABLE agentcore.document (
    department_id     uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id                uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    knowledge_base_id uuid        NOT NULL,
    title             text        NOT NULL,
    type              text        NOT NULL,
    original_url      text,
    status            text        NOT NULL DEFAULT 'pending',
    metadata          jsonb       NOT NULL DEFAULT '{}',
    created_at        timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT document_pk PRIMARY KEY (department_id, id),
    CONSTRAINT document_knowledge_base_fk FOREIGN KEY (department_id, knowledge_base_id)
        REFERENCES agentcore.knowledge_base (department_id, id) ON DELETE CASCADE,
    CONSTRAINT document_type_ck CHECK (type IN ('pdf', 'docx', 'txt', 'url', 'image')),
    CONSTRAINT document_status_ck CHECK (status IN ('pending', 'processing', 'ready', 'failed')),
    CONSTRAINT document_metadata_ck CHECK (jsonb_typeof(metadata) = 'object')
);

-- The documents of a knowledge base, and what of them is ready. Serves the reference.
CREATE INDEX document_knowledge_base_id_ix
    ON agentcore.document (department_id, knowledge_base_id, status);

COMMENT ON TABLE agentcore.document IS 'A source document, or a generated one.';
COMMENT ON COLUMN agentcore.document.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.document.id IS 'The document.';
COMMENT ON COLUMN agentcore.document.knowledge_base_id IS 'The knowledge base that it is in.';
COMMENT ON COLUMN agentcore.document.title IS 'For people.';
COMMENT ON COLUMN agentcore.document.type IS 'pdf, docx, txt, url or image.';
COMMENT ON COLUMN agentcore.document.original_url IS 'Where the file is, or the page.';
COMMENT ON COLUMN agentcore.document.status IS
    'pending, processing, ready or failed. Only what is ready is found.';
COMMENT ON COLUMN agentcore.document.metadata IS
    'Further facts. source is document_generation where it was generated.';
COMMENT ON COLUMN agentcore.document.created_at IS 'When the row was made.';

ALTER TABLE agentcore.document ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.document FORCE ROW LEVEL SECURITY;

CREATE POLICY document_tenant ON agentcore.document
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY document_tenant_guard ON agentcore.document AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON agentcore.document TO muniment_app;
GRANT UPDATE (
    knowledge_base_id, title, type, original_url, status, metadata
) ON agentcore.document TO muniment_app;
GRANT SELECT ON agentcore.document TO muniment_reader;

COMMIT;

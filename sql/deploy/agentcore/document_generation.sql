-- Deploy agentcore:document_generation to pg
-- requires: template
-- requires: knowledge_base
-- requires: forbid_by_hand
-- requires: platform:forbid_change
--
-- Each document that was made, or was to be made, from a template. The history outlives the
-- template and the document, and what is finished stays as it is.
-- Locks: SHARE ROW EXCLUSIVE on department_member, document, document_template.
-- Docs: docs/schema/agentcore.md#document-generation

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.document_generation (
    department_id  uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id             uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    template_id    uuid,
    user_id        uuid        NOT NULL,
    input          jsonb       NOT NULL DEFAULT '{}',
    output         text,
    output_file_id uuid,
    status         text        NOT NULL DEFAULT 'pending',
    error          text,
    created_at     timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT document_generation_pk PRIMARY KEY (department_id, id),
    CONSTRAINT document_generation_template_fk FOREIGN KEY (department_id, template_id)
        REFERENCES agentcore.document_template (department_id, id) ON DELETE SET NULL (template_id),
    CONSTRAINT document_generation_user_fk FOREIGN KEY (department_id, user_id)
        REFERENCES agentcore.department_member (department_id, user_id) ON DELETE RESTRICT,
    CONSTRAINT document_generation_output_file_fk FOREIGN KEY (department_id, output_file_id)
        REFERENCES agentcore.document (department_id, id) ON DELETE SET NULL (output_file_id),
    CONSTRAINT document_generation_status_ck CHECK (status IN ('pending', 'ready', 'failed')),
    CONSTRAINT document_generation_output_ck CHECK ((status = 'ready') = (output IS NOT NULL)),
    CONSTRAINT document_generation_output_file_ck
        CHECK (output_file_id IS NULL OR status = 'ready'),
    CONSTRAINT document_generation_error_ck CHECK ((status = 'failed') = (error IS NOT NULL))
);

-- What was made from a template. Serves the reference.
CREATE INDEX document_generation_template_id_ix
    ON agentcore.document_generation (department_id, template_id)
    WHERE template_id IS NOT NULL;

-- What a user had made, newest first. Serves the reference.
CREATE INDEX document_generation_user_id_ix
    ON agentcore.document_generation (department_id, user_id, created_at DESC);

-- How a document was made. Serves the reference.
CREATE INDEX document_generation_output_file_id_ix
    ON agentcore.document_generation (department_id, output_file_id)
    WHERE output_file_id IS NOT NULL;

COMMENT ON TABLE agentcore.document_generation IS 'One document that was made from a template.';
COMMENT ON COLUMN agentcore.document_generation.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.document_generation.id IS 'The generation.';
COMMENT ON COLUMN agentcore.document_generation.template_id IS
    'The template. NULL means that it was deleted since.';
COMMENT ON COLUMN agentcore.document_generation.user_id IS 'The user who asked for it.';
COMMENT ON COLUMN agentcore.document_generation.input IS 'What was put in.';
COMMENT ON COLUMN agentcore.document_generation.output IS 'What came out.';
COMMENT ON COLUMN agentcore.document_generation.output_file_id IS
    'The document that it was saved as. NULL means none, or that it was deleted since.';
COMMENT ON COLUMN agentcore.document_generation.status IS 'pending, ready or failed.';
COMMENT ON COLUMN agentcore.document_generation.error IS 'Why it failed.';
COMMENT ON COLUMN agentcore.document_generation.created_at IS 'When the row was made.';

-- The reference empties its column as the owner; nobody else says later what it was saved as.
CREATE TRIGGER document_generation_forbid_by_hand_tg
    BEFORE UPDATE OF output_file_id ON agentcore.document_generation
    FOR EACH ROW WHEN (
        OLD.status <> 'pending' AND NEW.output_file_id IS DISTINCT FROM OLD.output_file_id
    )
    EXECUTE FUNCTION agentcore.forbid_by_hand();
-- Not when a reference empties its column, which changes no output, status or error.
CREATE TRIGGER document_generation_forbid_update_tg
    BEFORE UPDATE OF output, status, error ON agentcore.document_generation
    FOR EACH ROW WHEN (OLD.status <> 'pending')
    EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agentcore.document_generation ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.document_generation FORCE ROW LEVEL SECURITY;

CREATE POLICY document_generation_tenant ON agentcore.document_generation
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY document_generation_tenant_guard ON agentcore.document_generation AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT ON agentcore.document_generation TO muniment_app;
GRANT INSERT (
    department_id, id, template_id, user_id, input
) ON agentcore.document_generation TO muniment_app;
GRANT UPDATE (
    output, output_file_id, status, error
) ON agentcore.document_generation TO muniment_app;
GRANT SELECT ON agentcore.document_generation TO muniment_reader;

COMMIT;

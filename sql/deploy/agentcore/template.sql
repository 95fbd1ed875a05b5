-- Deploy agentcore:template to pg
-- requires: namespace
-- requires: department_member
--
-- What documents are made from. The former kind is a file, the present one a text that the
-- application renders.
-- Locks: SHARE ROW EXCLUSIVE on department, department_member, namespace.
-- Docs: docs/schema/agentcore.md#template

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.template (
    department_id uuid        NOT NULL,
    id            uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    name          text        NOT NULL,
    file_path     text        NOT NULL,
    variables     jsonb       NOT NULL DEFAULT '[]',
    created_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT template_pk PRIMARY KEY (department_id, id),
    CONSTRAINT template_name_uq UNIQUE (department_id, name),
    CONSTRAINT template_department_fk FOREIGN KEY (department_id)
        REFERENCES agentcore.department (id) ON DELETE RESTRICT,
    CONSTRAINT template_file_path_ck CHECK (file_path <> '')
);

COMMENT ON TABLE agentcore.template IS 'A template of the former kind, which is a file.';
COMMENT ON COLUMN agentcore.template.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.template.id IS 'The template.';
COMMENT ON COLUMN agentcore.template.name IS 'For people, unique in the department.';
COMMENT ON COLUMN agentcore.template.file_path IS 'Where the file is.';
COMMENT ON COLUMN agentcore.template.variables IS 'What is put in.';
COMMENT ON COLUMN agentcore.template.created_at IS 'When the row was made.';

ALTER TABLE agentcore.template ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.template FORCE ROW LEVEL SECURITY;

CREATE POLICY template_tenant ON agentcore.template
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY template_tenant_guard ON agentcore.template AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON agentcore.template TO muniment_app;
GRANT UPDATE (name, file_path, variables) ON agentcore.template TO muniment_app;
GRANT SELECT ON agentcore.template TO muniment_reader;

CREATE TABLE agentcore.document_template (
    department_id uuid        NOT NULL,
    id            uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    namespace_id  uuid,
    name          text        NOT NULL,
    description   text,
    category      text,
    template_body text        NOT NULL,
    variables     jsonb       NOT NULL DEFAULT '[]',
    output_format text        NOT NULL DEFAULT 'pdf',
    created_by    uuid,
    created_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT document_template_pk PRIMARY KEY (department_id, id),
    CONSTRAINT document_template_name_uq
        UNIQUE NULLS NOT DISTINCT (department_id, namespace_id, name),
    CONSTRAINT document_template_department_fk FOREIGN KEY (department_id)
        REFERENCES agentcore.department (id) ON DELETE RESTRICT,
    CONSTRAINT document_template_namespace_fk FOREIGN KEY (department_id, namespace_id)
        REFERENCES agentcore.namespace (department_id, id) ON DELETE CASCADE,
    CONSTRAINT document_template_created_by_fk FOREIGN KEY (department_id, created_by)
        REFERENCES agentcore.department_member (department_id, user_id) ON DELETE RESTRICT,
    CONSTRAINT document_template_output_format_ck CHECK (output_format IN ('pdf', 'docx', 'txt'))
);

-- The templates of a user. Serves the reference.
CREATE INDEX document_template_created_by_ix
    ON agentcore.document_template (department_id, created_by)
    WHERE created_by IS NOT NULL;

COMMENT ON TABLE agentcore.document_template IS
    'A template whose text is here, in the language of Handlebars.';
COMMENT ON COLUMN agentcore.document_template.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.document_template.id IS 'The template.';
COMMENT ON COLUMN agentcore.document_template.namespace_id IS
    'The assistant that uses it. NULL means every one of the department.';
COMMENT ON COLUMN agentcore.document_template.name IS 'For people, unique in the namespace.';
COMMENT ON COLUMN agentcore.document_template.description IS 'What it is for.';
COMMENT ON COLUMN agentcore.document_template.category IS 'In which group it is shown.';
COMMENT ON COLUMN agentcore.document_template.template_body IS
    'The text, with places for the variables.';
COMMENT ON COLUMN agentcore.document_template.variables IS 'What is put in.';
COMMENT ON COLUMN agentcore.document_template.output_format IS 'What it becomes: pdf, docx or txt.';
COMMENT ON COLUMN agentcore.document_template.created_by IS 'The user who made it.';
COMMENT ON COLUMN agentcore.document_template.created_at IS 'When the row was made.';

ALTER TABLE agentcore.document_template ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.document_template FORCE ROW LEVEL SECURITY;

CREATE POLICY document_template_tenant ON agentcore.document_template
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY document_template_tenant_guard ON agentcore.document_template AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON agentcore.document_template TO muniment_app;
GRANT UPDATE (
    namespace_id, name, description, category, template_body, variables, output_format,
    created_by
) ON agentcore.document_template TO muniment_app;
GRANT SELECT ON agentcore.document_template TO muniment_reader;

COMMIT;

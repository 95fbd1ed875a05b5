-- Deploy agentcore:department to pg
-- requires: schema
-- requires: platform:current_tenant_id
-- requires: platform:uuid_generate_v7
--
-- The tenant of this schema. A department sees its own row only; the backend makes departments,
-- which is why muniment_service has a policy of its own here. A department is archived and never
-- deleted, so nobody has the right to.
-- Locks: none beyond the new table.  Docs: docs/schema/agentcore.md#department

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.department (
    id          uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    name        text        NOT NULL,
    slug        text        NOT NULL,
    color       text,
    description text,
    settings    jsonb       NOT NULL DEFAULT '{}',
    is_archived boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT department_pk PRIMARY KEY (id),
    CONSTRAINT department_slug_uq UNIQUE (slug),
    CONSTRAINT department_slug_ck CHECK (slug <> '')
);

COMMENT ON TABLE agentcore.department IS
    'A department, which owns its knowledge, its assistants and what is said to them.';
COMMENT ON COLUMN agentcore.department.id IS 'The department.';
COMMENT ON COLUMN agentcore.department.name IS 'For people.';
COMMENT ON COLUMN agentcore.department.slug IS
    'Short name in addresses, unique over all departments.';
COMMENT ON COLUMN agentcore.department.color IS 'Colour in which it is shown.';
COMMENT ON COLUMN agentcore.department.description IS 'What it does.';
COMMENT ON COLUMN agentcore.department.settings IS 'Settings of the department as a whole.';
COMMENT ON COLUMN agentcore.department.is_archived IS
    'Whether it was given up: nobody enters it any more.';
COMMENT ON COLUMN agentcore.department.created_at IS 'When the row was made.';

ALTER TABLE agentcore.department ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.department FORCE ROW LEVEL SECURITY;

CREATE POLICY department_tenant ON agentcore.department
    TO muniment_app, muniment_reader, muniment_owner
    USING (id = (SELECT platform.current_tenant_id()))
    WITH CHECK (id = (SELECT platform.current_tenant_id()));
CREATE POLICY department_tenant_guard ON agentcore.department AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (id = (SELECT platform.current_tenant_id()))
    WITH CHECK (id = (SELECT platform.current_tenant_id()));

-- Departments are made and looked up before one is entered.
CREATE POLICY department_service ON agentcore.department
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT ON agentcore.department TO muniment_app;
GRANT SELECT ON agentcore.department TO muniment_reader;
GRANT SELECT, INSERT ON agentcore.department TO muniment_service;
GRANT UPDATE (
    name, slug, color, description, settings, is_archived
) ON agentcore.department TO muniment_service;

COMMIT;

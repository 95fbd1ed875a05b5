-- Deploy agentcore:namespace to pg
-- requires: department
--
-- An assistant of a department: how it speaks, what it is connected to. Settings of a plugin may
-- hold tokens, so readers do not get them.
-- Locks: SHARE ROW EXCLUSIVE on department.  Docs: docs/schema/agentcore.md#namespace

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.namespace (
    department_id uuid        NOT NULL,
    id            uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    name          text        NOT NULL,
    system_prompt text,
    persona       jsonb       NOT NULL DEFAULT '{}',
    config        jsonb       NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT namespace_pk PRIMARY KEY (department_id, id),
    CONSTRAINT namespace_name_uq UNIQUE (department_id, name),
    CONSTRAINT namespace_department_fk FOREIGN KEY (department_id)
        REFERENCES agentcore.department (id) ON DELETE RESTRICT,
    CONSTRAINT namespace_name_ck CHECK (name <> '')
);

COMMENT ON TABLE agentcore.namespace IS 'An assistant of a department.';
COMMENT ON COLUMN agentcore.namespace.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.namespace.id IS 'The namespace.';
COMMENT ON COLUMN agentcore.namespace.name IS 'For people, unique in the department.';
COMMENT ON COLUMN agentcore.namespace.system_prompt IS 'What the model is told first.';
COMMENT ON COLUMN agentcore.namespace.persona IS 'How it speaks.';
COMMENT ON COLUMN agentcore.namespace.config IS 'Its settings, among them those of adapters.';
COMMENT ON COLUMN agentcore.namespace.created_at IS 'When the row was made.';

ALTER TABLE agentcore.namespace ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.namespace FORCE ROW LEVEL SECURITY;

CREATE POLICY namespace_tenant ON agentcore.namespace
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY namespace_tenant_guard ON agentcore.namespace AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON agentcore.namespace TO muniment_app;
GRANT UPDATE (name, system_prompt, persona, config) ON agentcore.namespace TO muniment_app;
GRANT SELECT ON agentcore.namespace TO muniment_reader;

CREATE TABLE agentcore.namespace_plugin (
    department_id uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id            uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    namespace_id  uuid        NOT NULL,
    plugin_id     text        NOT NULL,
    config        jsonb       NOT NULL DEFAULT '{}',
    enabled       boolean     NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT namespace_plugin_pk PRIMARY KEY (department_id, id),
    CONSTRAINT namespace_plugin_plugin_id_uq UNIQUE (department_id, namespace_id, plugin_id),
    CONSTRAINT namespace_plugin_namespace_fk FOREIGN KEY (department_id, namespace_id)
        REFERENCES agentcore.namespace (department_id, id) ON DELETE CASCADE,
    CONSTRAINT namespace_plugin_plugin_id_ck CHECK (plugin_id <> '')
);

COMMENT ON TABLE agentcore.namespace_plugin IS 'An integration that an assistant may use.';
COMMENT ON COLUMN agentcore.namespace_plugin.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.namespace_plugin.id IS 'The use of the integration.';
COMMENT ON COLUMN agentcore.namespace_plugin.namespace_id IS 'The namespace.';
COMMENT ON COLUMN agentcore.namespace_plugin.plugin_id IS
    'The integration, as the application names it.';
COMMENT ON COLUMN agentcore.namespace_plugin.config IS
    'Its settings, which may hold tokens; the reader has no right to it.';
COMMENT ON COLUMN agentcore.namespace_plugin.enabled IS 'Whether it may be used.';
COMMENT ON COLUMN agentcore.namespace_plugin.created_at IS 'When the row was made.';

ALTER TABLE agentcore.namespace_plugin ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.namespace_plugin FORCE ROW LEVEL SECURITY;

CREATE POLICY namespace_plugin_tenant ON agentcore.namespace_plugin
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY namespace_plugin_tenant_guard ON agentcore.namespace_plugin AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON agentcore.namespace_plugin TO muniment_app;
GRANT UPDATE (
    namespace_id, plugin_id, config, enabled
) ON agentcore.namespace_plugin TO muniment_app;
GRANT SELECT (
    department_id, id, namespace_id, plugin_id, enabled, created_at
) ON agentcore.namespace_plugin TO muniment_reader;

COMMIT;

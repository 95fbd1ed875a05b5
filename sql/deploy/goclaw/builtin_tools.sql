-- Deploy goclaw:builtin_tools to pg
-- requires: tenants
--
-- The tools that every gateway brings along, and what a tenant makes of them. The list itself is
-- global: it says what the software can do, not what a tenant did; runtimes only read it.
-- Locks: SHARE ROW EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#builtin-tools

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.builtin_tools (
    name         varchar(100) NOT NULL,
    display_name varchar(255),
    description  text,
    category     varchar(50)  NOT NULL DEFAULT 'general',
    enabled      boolean      NOT NULL DEFAULT true,
    settings     jsonb,
    requires     text[],
    metadata     jsonb        NOT NULL DEFAULT '{}',
    created_at   timestamptz  NOT NULL DEFAULT now(),
    updated_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT builtin_tools_pk PRIMARY KEY (name),
    CONSTRAINT builtin_tools_name_ck CHECK (name <> '')
);

COMMENT ON TABLE goclaw.builtin_tools IS
    'A tool that the gateway brings along. Global: no tenant data.';
COMMENT ON COLUMN goclaw.builtin_tools.name IS
    'As the model calls it, for example exec or read_file.';
COMMENT ON COLUMN goclaw.builtin_tools.display_name IS 'For people.';
COMMENT ON COLUMN goclaw.builtin_tools.description IS 'What it does.';
COMMENT ON COLUMN goclaw.builtin_tools.category IS 'Group in which it is shown.';
COMMENT ON COLUMN goclaw.builtin_tools.enabled IS 'Whether any tenant may use it.';
COMMENT ON COLUMN goclaw.builtin_tools.settings IS
    'Settings of the tool for all tenants; never a secret, every runtime reads them.';
COMMENT ON COLUMN goclaw.builtin_tools.requires IS 'Programs or services that it needs.';
COMMENT ON COLUMN goclaw.builtin_tools.metadata IS 'Further facts about the tool.';
COMMENT ON COLUMN goclaw.builtin_tools.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.builtin_tools.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER builtin_tools_set_updated_at_tg
    BEFORE UPDATE ON goclaw.builtin_tools
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

GRANT SELECT ON goclaw.builtin_tools TO muniment_app;
GRANT SELECT ON goclaw.builtin_tools TO muniment_reader;
GRANT SELECT, INSERT, DELETE ON goclaw.builtin_tools TO muniment_service;
GRANT UPDATE (
    display_name, description, category, enabled, settings, requires, metadata, updated_at
) ON goclaw.builtin_tools TO muniment_service;

CREATE TABLE goclaw.builtin_tool_tenant_configs (
    tenant_id  uuid         NOT NULL,
    tool_name  varchar(100) NOT NULL,
    enabled    boolean,
    settings   jsonb,
    updated_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT builtin_tool_tenant_configs_pk PRIMARY KEY (tenant_id, tool_name),
    CONSTRAINT builtin_tool_tenant_configs_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT builtin_tool_tenant_configs_tool_fk FOREIGN KEY (tool_name)
        REFERENCES goclaw.builtin_tools (name) ON DELETE CASCADE
);

-- Serves the reference to the list, which has no tenant.
CREATE INDEX builtin_tool_tenant_configs_tool_name_ix
    ON goclaw.builtin_tool_tenant_configs (tool_name);

COMMENT ON TABLE goclaw.builtin_tool_tenant_configs IS
    'What a tenant changed about a built-in tool.';
COMMENT ON COLUMN goclaw.builtin_tool_tenant_configs.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.builtin_tool_tenant_configs.tool_name IS 'The tool.';
COMMENT ON COLUMN goclaw.builtin_tool_tenant_configs.enabled IS
    'Whether the tenant uses it. NULL leaves it to builtin_tools.';
COMMENT ON COLUMN goclaw.builtin_tool_tenant_configs.settings IS
    'Settings of the tenant. NULL leaves them to builtin_tools.';
COMMENT ON COLUMN goclaw.builtin_tool_tenant_configs.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER builtin_tool_tenant_configs_set_updated_at_tg
    BEFORE UPDATE ON goclaw.builtin_tool_tenant_configs
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.builtin_tool_tenant_configs ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.builtin_tool_tenant_configs FORCE ROW LEVEL SECURITY;

CREATE POLICY builtin_tool_tenant_configs_tenant ON goclaw.builtin_tool_tenant_configs
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY builtin_tool_tenant_configs_tenant_guard
    ON goclaw.builtin_tool_tenant_configs AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.builtin_tool_tenant_configs TO muniment_app;
GRANT UPDATE (enabled, settings, updated_at) ON goclaw.builtin_tool_tenant_configs TO muniment_app;
GRANT SELECT ON goclaw.builtin_tool_tenant_configs TO muniment_reader;

COMMIT;

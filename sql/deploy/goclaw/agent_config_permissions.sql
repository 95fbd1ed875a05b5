-- Deploy goclaw:agent_config_permissions to pg
-- requires: agents
--
-- Which users may, or may not, change parts of an agent: files, heartbeat, schedules. A row that
-- denies is kept beside those that allow, so an exception can be made for one user.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.
-- Docs: docs/schema/goclaw.md#agent-config-permissions

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.agent_config_permissions (
    tenant_id   uuid         NOT NULL,
    id          uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id    uuid         NOT NULL,
    scope       varchar(255) NOT NULL,
    config_type varchar(50)  NOT NULL,
    user_id     varchar(255) NOT NULL,
    permission  varchar(10)  NOT NULL,
    granted_by  varchar(255),
    metadata    jsonb        NOT NULL DEFAULT '{}',
    created_at  timestamptz  NOT NULL DEFAULT now(),
    updated_at  timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT agent_config_permissions_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT agent_config_permissions_user_id_uq
        UNIQUE (tenant_id, agent_id, scope, config_type, user_id),
    CONSTRAINT agent_config_permissions_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT agent_config_permissions_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_config_permissions_permission_ck CHECK (permission IN ('allow', 'deny'))
);

-- Stated: the decisions about one part of an agent. The unique key begins so too; this one is there
-- because the source names it.
CREATE INDEX agent_config_permissions_scope_ix
    ON goclaw.agent_config_permissions (tenant_id, agent_id, scope, config_type);

COMMENT ON TABLE goclaw.agent_config_permissions IS
    'A user who is allowed or denied to change a part of an agent.';
COMMENT ON COLUMN goclaw.agent_config_permissions.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.agent_config_permissions.id IS 'The permission.';
COMMENT ON COLUMN goclaw.agent_config_permissions.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.agent_config_permissions.scope IS 'Group or chat in which it holds.';
COMMENT ON COLUMN goclaw.agent_config_permissions.config_type IS
    'The part of the agent, for example file_writer or heartbeat.';
COMMENT ON COLUMN goclaw.agent_config_permissions.user_id IS 'The user.';
COMMENT ON COLUMN goclaw.agent_config_permissions.permission IS 'allow or deny.';
COMMENT ON COLUMN goclaw.agent_config_permissions.granted_by IS 'The user who decided so.';
COMMENT ON COLUMN goclaw.agent_config_permissions.metadata IS
    'Further facts, for example a name to show.';
COMMENT ON COLUMN goclaw.agent_config_permissions.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.agent_config_permissions.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER agent_config_permissions_set_updated_at_tg
    BEFORE UPDATE ON goclaw.agent_config_permissions
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.agent_config_permissions ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.agent_config_permissions FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_config_permissions_tenant ON goclaw.agent_config_permissions
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_config_permissions_tenant_guard
    ON goclaw.agent_config_permissions AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.agent_config_permissions TO muniment_app;
GRANT UPDATE (
    agent_id, scope, config_type, user_id, permission, granted_by, metadata, updated_at
) ON goclaw.agent_config_permissions TO muniment_app;
GRANT SELECT ON goclaw.agent_config_permissions TO muniment_reader;

COMMIT;

-- Deploy goclaw:hooks to pg
-- requires: agents
-- requires: master_tenant
--
-- What the gateway asks before and after it acts: a command, a request, a prompt or a script. A
-- hook of scope global belongs to the master tenant and is everybody's, see
-- goclaw.hooks_for_event(); a CHECK keeps other tenants from making one. Its tenant has the stated
-- default, so whoever leaves it out writes for the master, which row security allows to the master
-- alone.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.  Docs: docs/schema/goclaw.md#hooks

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.hooks (
    tenant_id    uuid         NOT NULL DEFAULT '0193a5b0-7000-7000-8000-000000000001',
    id           uuid         NOT NULL DEFAULT gen_random_uuid(),
    scope        varchar(8)   NOT NULL,
    event        varchar(32)  NOT NULL,
    handler_type varchar(16)  NOT NULL,
    config       jsonb        NOT NULL DEFAULT '{}',
    script       text,
    builtin      text,
    name         varchar(255),
    matcher      varchar(256),
    if_expr      text,
    timeout_ms   integer      NOT NULL DEFAULT 5000,
    on_timeout   varchar(8)   NOT NULL DEFAULT 'block',
    priority     integer      NOT NULL DEFAULT 0,
    enabled      boolean      NOT NULL DEFAULT true,
    version      integer      NOT NULL DEFAULT 1,
    source       varchar(16)  NOT NULL DEFAULT 'ui',
    metadata     jsonb        NOT NULL DEFAULT '{}',
    created_by   uuid,
    created_at   timestamptz  NOT NULL DEFAULT now(),
    updated_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT hooks_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT hooks_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT hooks_scope_ck CHECK (scope IN ('global', 'tenant', 'agent')),
    CONSTRAINT hooks_global_ck
        CHECK (scope <> 'global' OR tenant_id = '0193a5b0-7000-7000-8000-000000000001'),
    CONSTRAINT hooks_event_ck CHECK (event <> ''),
    CONSTRAINT hooks_handler_type_ck
        CHECK (handler_type IN ('command', 'http', 'prompt', 'script')),
    CONSTRAINT hooks_script_ck CHECK (script IS NULL OR handler_type = 'script'),
    CONSTRAINT hooks_builtin_ck CHECK (builtin IS NULL OR source = 'builtin'),
    CONSTRAINT hooks_timeout_ms_ck CHECK (timeout_ms > 0),
    CONSTRAINT hooks_on_timeout_ck CHECK (on_timeout IN ('block', 'allow')),
    CONSTRAINT hooks_version_ck CHECK (version > 0),
    CONSTRAINT hooks_source_ck CHECK (source IN ('ui', 'api', 'seed', 'builtin'))
);

-- Stated: what runs at an event.
CREATE INDEX hooks_lookup_ix ON goclaw.hooks (tenant_id, event) WHERE enabled;

COMMENT ON TABLE goclaw.hooks IS
    'What the gateway runs when something happens, and may be stopped by.';
COMMENT ON COLUMN goclaw.hooks.tenant_id IS
    'The tenant; the master tenant where the scope is global.';
COMMENT ON COLUMN goclaw.hooks.id IS 'The hook.';
COMMENT ON COLUMN goclaw.hooks.scope IS
    'Whose it is: global, tenant, or agent, which means the agents in hook_agents.';
COMMENT ON COLUMN goclaw.hooks.event IS 'When it runs, for example before_tool.';
COMMENT ON COLUMN goclaw.hooks.handler_type IS 'What runs: command, http, prompt or script.';
COMMENT ON COLUMN goclaw.hooks.config IS
    'Options of the handler, for example a path, an address or a prompt. It may hold tokens; the '
    'reader has no right to it.';
COMMENT ON COLUMN goclaw.hooks.script IS 'The script, where the handler is one.';
COMMENT ON COLUMN goclaw.hooks.builtin IS
    'Which of the gateway''s own handlers it is, where the source is builtin.';
COMMENT ON COLUMN goclaw.hooks.name IS 'For people.';
COMMENT ON COLUMN goclaw.hooks.matcher IS
    'Regular expression that the name of the tool must match. NULL matches all.';
COMMENT ON COLUMN goclaw.hooks.if_expr IS
    'CEL expression that must hold of the tool''s input. NULL always holds.';
COMMENT ON COLUMN goclaw.hooks.timeout_ms IS 'How long it may take, in milliseconds.';
COMMENT ON COLUMN goclaw.hooks.on_timeout IS 'What follows if it takes longer: block or allow.';
COMMENT ON COLUMN goclaw.hooks.priority IS 'The highest is asked first.';
COMMENT ON COLUMN goclaw.hooks.enabled IS 'Whether it runs.';
COMMENT ON COLUMN goclaw.hooks.version IS
    'Counted up by whoever changes the hook, and compared, so that no change is lost.';
COMMENT ON COLUMN goclaw.hooks.source IS 'Where it comes from: ui, api, seed or builtin.';
COMMENT ON COLUMN goclaw.hooks.metadata IS 'What only people look at.';
COMMENT ON COLUMN goclaw.hooks.created_by IS 'The user who made it.';
COMMENT ON COLUMN goclaw.hooks.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.hooks.updated_at IS 'When the row was last changed; a trigger sets it.';

CREATE TRIGGER hooks_set_updated_at_tg
    BEFORE UPDATE ON goclaw.hooks
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.hooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.hooks FORCE ROW LEVEL SECURITY;

CREATE POLICY hooks_tenant ON goclaw.hooks
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY hooks_tenant_guard ON goclaw.hooks AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.hooks TO muniment_app;
GRANT UPDATE (
    scope, event, handler_type, config, script, builtin, name, matcher, if_expr, timeout_ms,
    on_timeout, priority, enabled, version, source, metadata, created_by, updated_at
) ON goclaw.hooks TO muniment_app;
GRANT SELECT (
    tenant_id, id, scope, event, handler_type, script, builtin, name, matcher, if_expr,
    timeout_ms, on_timeout, priority, enabled, version, source, metadata, created_by,
    created_at, updated_at
) ON goclaw.hooks TO muniment_reader;

CREATE TABLE goclaw.hook_agents (
    tenant_id uuid NOT NULL DEFAULT platform.current_tenant_id(),
    hook_id   uuid NOT NULL,
    agent_id  uuid NOT NULL,

    CONSTRAINT hook_agents_pk PRIMARY KEY (tenant_id, hook_id, agent_id),
    CONSTRAINT hook_agents_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT hook_agents_hook_fk FOREIGN KEY (tenant_id, hook_id)
        REFERENCES goclaw.hooks (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT hook_agents_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE
);

-- Stated: the hooks of an agent. Serves the reference.
CREATE INDEX hook_agents_agent_id_ix ON goclaw.hook_agents (tenant_id, agent_id);

COMMENT ON TABLE goclaw.hook_agents IS 'An agent for which a hook of scope agent runs.';
COMMENT ON COLUMN goclaw.hook_agents.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.hook_agents.hook_id IS 'The hook.';
COMMENT ON COLUMN goclaw.hook_agents.agent_id IS 'The agent.';

ALTER TABLE goclaw.hook_agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.hook_agents FORCE ROW LEVEL SECURITY;

CREATE POLICY hook_agents_tenant ON goclaw.hook_agents
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY hook_agents_tenant_guard ON goclaw.hook_agents AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.hook_agents TO muniment_app;
GRANT SELECT ON goclaw.hook_agents TO muniment_reader;

COMMIT;

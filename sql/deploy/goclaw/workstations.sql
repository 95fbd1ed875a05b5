-- Deploy goclaw:workstations to pg
-- requires: agents
-- requires: platform:forbid_change
--
-- Machines on which agents run commands, over SSH or in Docker, what may be run there, and what
-- was. Nothing may until a pattern says so. A pattern is matched against the name of the program
-- alone, argv[0], so it is held to a name and at most one star at its end: no other character of a
-- pattern means anything.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.  Docs: docs/schema/goclaw.md#workstations

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.workstations (
    tenant_id       uuid         NOT NULL,
    id              uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    workstation_key varchar(100) NOT NULL,
    name            varchar(255) NOT NULL,
    backend_type    varchar(20)  NOT NULL,
    metadata        bytea        NOT NULL,
    default_cwd     varchar(500) NOT NULL DEFAULT '',
    default_env     bytea        NOT NULL,
    active          boolean      NOT NULL DEFAULT true,
    created_by      varchar(255) NOT NULL DEFAULT '',
    created_at      timestamptz  NOT NULL DEFAULT now(),
    updated_at      timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT workstations_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT workstations_workstation_key_uq UNIQUE (tenant_id, workstation_key),
    CONSTRAINT workstations_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT workstations_workstation_key_ck CHECK (workstation_key <> ''),
    CONSTRAINT workstations_backend_type_ck CHECK (backend_type IN ('ssh', 'docker'))
);

-- Stated: the workstations that may be used.
CREATE INDEX workstations_active_ix ON goclaw.workstations (tenant_id, active) WHERE active;

COMMENT ON TABLE goclaw.workstations IS 'A machine on which agents may run commands.';
COMMENT ON COLUMN goclaw.workstations.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.workstations.id IS 'The workstation.';
COMMENT ON COLUMN goclaw.workstations.workstation_key IS 'Short name.';
COMMENT ON COLUMN goclaw.workstations.name IS 'For people.';
COMMENT ON COLUMN goclaw.workstations.backend_type IS 'How it is reached: ssh or docker.';
COMMENT ON COLUMN goclaw.workstations.metadata IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it. Host, '
    'port and credentials, as JSON.';
COMMENT ON COLUMN goclaw.workstations.default_cwd IS 'Directory in which commands start.';
COMMENT ON COLUMN goclaw.workstations.default_env IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it. '
    'Environment of commands, as JSON.';
COMMENT ON COLUMN goclaw.workstations.active IS 'Whether it may be used.';
COMMENT ON COLUMN goclaw.workstations.created_by IS 'The user who made it.';
COMMENT ON COLUMN goclaw.workstations.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.workstations.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER workstations_set_updated_at_tg
    BEFORE UPDATE ON goclaw.workstations
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.workstations ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.workstations FORCE ROW LEVEL SECURITY;

CREATE POLICY workstations_tenant ON goclaw.workstations
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY workstations_tenant_guard ON goclaw.workstations AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.workstations TO muniment_app;
GRANT UPDATE (
    workstation_key, name, backend_type, metadata, default_cwd, default_env, active, created_by,
    updated_at
) ON goclaw.workstations TO muniment_app;
GRANT SELECT (
    tenant_id, id, workstation_key, name, backend_type, default_cwd, active, created_by,
    created_at, updated_at
) ON goclaw.workstations TO muniment_reader;

CREATE TABLE goclaw.agent_workstation_links (
    tenant_id      uuid        NOT NULL,
    agent_id       uuid        NOT NULL,
    workstation_id uuid        NOT NULL,
    is_default     boolean     NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT agent_workstation_links_pk PRIMARY KEY (tenant_id, agent_id, workstation_id),
    CONSTRAINT agent_workstation_links_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT agent_workstation_links_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_workstation_links_workstation_fk FOREIGN KEY (tenant_id, workstation_id)
        REFERENCES goclaw.workstations (tenant_id, id) ON DELETE CASCADE
);

-- Stated: one default an agent.
CREATE UNIQUE INDEX agent_workstation_links_default_uq
    ON goclaw.agent_workstation_links (tenant_id, agent_id) WHERE is_default;

-- The agents of a workstation. Serves the reference.
CREATE INDEX agent_workstation_links_workstation_id_ix
    ON goclaw.agent_workstation_links (tenant_id, workstation_id);

COMMENT ON TABLE goclaw.agent_workstation_links IS 'An agent that uses a workstation.';
COMMENT ON COLUMN goclaw.agent_workstation_links.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.agent_workstation_links.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.agent_workstation_links.workstation_id IS 'The workstation.';
COMMENT ON COLUMN goclaw.agent_workstation_links.is_default IS
    'Whether it is the one the agent uses unless told otherwise.';
COMMENT ON COLUMN goclaw.agent_workstation_links.created_at IS 'When the row was made.';

ALTER TABLE goclaw.agent_workstation_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.agent_workstation_links FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_workstation_links_tenant ON goclaw.agent_workstation_links
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_workstation_links_tenant_guard ON goclaw.agent_workstation_links AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.agent_workstation_links TO muniment_app;
GRANT UPDATE (is_default) ON goclaw.agent_workstation_links TO muniment_app;
GRANT SELECT ON goclaw.agent_workstation_links TO muniment_reader;

CREATE TABLE goclaw.workstation_permissions (
    tenant_id      uuid         NOT NULL,
    id             uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    workstation_id uuid         NOT NULL,
    pattern        varchar(500) NOT NULL,
    enabled        boolean      NOT NULL DEFAULT true,
    created_by     varchar(255) NOT NULL DEFAULT '',
    created_at     timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT workstation_permissions_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT workstation_permissions_pattern_uq UNIQUE (tenant_id, workstation_id, pattern),
    CONSTRAINT workstation_permissions_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT workstation_permissions_workstation_fk FOREIGN KEY (tenant_id, workstation_id)
        REFERENCES goclaw.workstations (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT workstation_permissions_pattern_ck
        CHECK (pattern ~ '^([A-Za-z0-9_./][A-Za-z0-9_./+@-]*)?[*]?$' AND pattern <> '')
);

-- Stated: what may be run on a workstation.
CREATE INDEX workstation_permissions_workstation_id_ix
    ON goclaw.workstation_permissions (tenant_id, workstation_id) WHERE enabled;

COMMENT ON TABLE goclaw.workstation_permissions IS 'A program that may be run on a workstation.';
COMMENT ON COLUMN goclaw.workstation_permissions.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.workstation_permissions.id IS 'The permission.';
COMMENT ON COLUMN goclaw.workstation_permissions.workstation_id IS 'The workstation.';
COMMENT ON COLUMN goclaw.workstation_permissions.pattern IS
    'Name or path of a program as it is called; a star at the end stands for any further '
    'characters but a slash.';
COMMENT ON COLUMN goclaw.workstation_permissions.enabled IS 'Whether it holds.';
COMMENT ON COLUMN goclaw.workstation_permissions.created_by IS 'The user who made it.';
COMMENT ON COLUMN goclaw.workstation_permissions.created_at IS 'When the row was made.';

ALTER TABLE goclaw.workstation_permissions ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.workstation_permissions FORCE ROW LEVEL SECURITY;

CREATE POLICY workstation_permissions_tenant ON goclaw.workstation_permissions
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY workstation_permissions_tenant_guard ON goclaw.workstation_permissions AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.workstation_permissions TO muniment_app;
GRANT UPDATE (pattern, enabled, created_by) ON goclaw.workstation_permissions TO muniment_app;
GRANT SELECT ON goclaw.workstation_permissions TO muniment_reader;

CREATE TABLE goclaw.workstation_activity (
    tenant_id      uuid         NOT NULL,
    id             uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    workstation_id uuid         NOT NULL,
    agent_id       varchar(255) NOT NULL DEFAULT '',
    action         varchar(20)  NOT NULL,
    cmd_hash       varchar(64)  NOT NULL DEFAULT '',
    cmd_preview    varchar(200) NOT NULL DEFAULT '',
    exit_code      integer,
    duration_ms    integer,
    deny_reason    varchar(200) NOT NULL DEFAULT '',
    created_at     timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT workstation_activity_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT workstation_activity_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT workstation_activity_workstation_fk FOREIGN KEY (tenant_id, workstation_id)
        REFERENCES goclaw.workstations (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT workstation_activity_action_ck CHECK (action IN ('exec', 'deny')),
    CONSTRAINT workstation_activity_cmd_hash_ck CHECK (cmd_hash ~ '^([0-9a-f]{64})?$'),
    CONSTRAINT workstation_activity_denied_ck CHECK (
        (action = 'deny' OR deny_reason = '')
        AND (action = 'exec' OR (exit_code IS NULL AND duration_ms IS NULL))
    ),
    CONSTRAINT workstation_activity_duration_ms_ck CHECK (duration_ms >= 0)
);

-- Stated: what was done on a workstation, newest first. Serves the reference.
CREATE INDEX workstation_activity_workstation_time_ix
    ON goclaw.workstation_activity (tenant_id, workstation_id, created_at DESC);

-- Stated: what was done, newest first.
CREATE INDEX workstation_activity_tenant_time_ix
    ON goclaw.workstation_activity (tenant_id, created_at DESC);

-- Stated: what is old enough to leave, of all tenants, which is why the tenant is not in it.
CREATE INDEX workstation_activity_retention_ix ON goclaw.workstation_activity (created_at);

COMMENT ON TABLE goclaw.workstation_activity IS
    'A command that was run on a workstation, or refused. Append-only.';
COMMENT ON COLUMN goclaw.workstation_activity.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.workstation_activity.id IS 'The entry.';
COMMENT ON COLUMN goclaw.workstation_activity.workstation_id IS 'The workstation.';
COMMENT ON COLUMN goclaw.workstation_activity.agent_id IS
    'The agent that wanted it, as the gateway names it.';
COMMENT ON COLUMN goclaw.workstation_activity.action IS
    'exec for a command that was run, deny for one that was refused.';
COMMENT ON COLUMN goclaw.workstation_activity.cmd_hash IS
    'SHA-256 of the whole command in hex, or empty.';
COMMENT ON COLUMN goclaw.workstation_activity.cmd_preview IS
    'First characters of the command, without secrets.';
COMMENT ON COLUMN goclaw.workstation_activity.exit_code IS
    'What the command returned. NULL if it was not run.';
COMMENT ON COLUMN goclaw.workstation_activity.duration_ms IS
    'How long it took, in milliseconds. NULL if it was not run.';
COMMENT ON COLUMN goclaw.workstation_activity.deny_reason IS
    'Why it was refused. Empty if it was run.';
COMMENT ON COLUMN goclaw.workstation_activity.created_at IS 'When it was done.';

CREATE TRIGGER workstation_activity_forbid_update_tg
    BEFORE UPDATE ON goclaw.workstation_activity
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER workstation_activity_forbid_truncate_tg
    BEFORE TRUNCATE ON goclaw.workstation_activity
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE goclaw.workstation_activity ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.workstation_activity FORCE ROW LEVEL SECURITY;

CREATE POLICY workstation_activity_tenant ON goclaw.workstation_activity
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY workstation_activity_tenant_guard ON goclaw.workstation_activity AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- Entries of all tenants leave by age.
CREATE POLICY workstation_activity_service ON goclaw.workstation_activity
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT ON goclaw.workstation_activity TO muniment_app;
GRANT SELECT ON goclaw.workstation_activity TO muniment_reader;
GRANT SELECT (tenant_id, id, created_at) ON goclaw.workstation_activity TO muniment_service;
GRANT DELETE ON goclaw.workstation_activity TO muniment_service;
-- FOR UPDATE asks for a right to update; the trigger refuses whoever makes use of it.
GRANT UPDATE (duration_ms) ON goclaw.workstation_activity TO muniment_service;

COMMIT;

-- Deploy goclaw:user_agent_profiles to pg
-- requires: agents
--
-- What an agent knows and keeps of each of its users: when they met, and which model the user
-- prefers.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.  Docs: docs/schema/goclaw.md#user-agent-profiles

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.user_agent_profiles (
    tenant_id     uuid         NOT NULL,
    agent_id      uuid         NOT NULL,
    user_id       varchar(255) NOT NULL,
    workspace     text,
    first_seen_at timestamptz  NOT NULL DEFAULT now(),
    last_seen_at  timestamptz  NOT NULL DEFAULT now(),
    metadata      jsonb        NOT NULL DEFAULT '{}',

    CONSTRAINT user_agent_profiles_pk PRIMARY KEY (tenant_id, agent_id, user_id),
    CONSTRAINT user_agent_profiles_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT user_agent_profiles_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE
);

COMMENT ON TABLE goclaw.user_agent_profiles IS 'A user whom an agent has met.';
COMMENT ON COLUMN goclaw.user_agent_profiles.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.user_agent_profiles.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.user_agent_profiles.user_id IS 'The user.';
COMMENT ON COLUMN goclaw.user_agent_profiles.workspace IS
    'Directory for this user. NULL means that of the agent.';
COMMENT ON COLUMN goclaw.user_agent_profiles.first_seen_at IS 'When they first met.';
COMMENT ON COLUMN goclaw.user_agent_profiles.last_seen_at IS 'When they last met.';
COMMENT ON COLUMN goclaw.user_agent_profiles.metadata IS 'Further facts about the user.';

ALTER TABLE goclaw.user_agent_profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.user_agent_profiles FORCE ROW LEVEL SECURITY;

CREATE POLICY user_agent_profiles_tenant ON goclaw.user_agent_profiles
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY user_agent_profiles_tenant_guard ON goclaw.user_agent_profiles AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.user_agent_profiles TO muniment_app;
GRANT UPDATE (
    workspace, first_seen_at, last_seen_at, metadata
) ON goclaw.user_agent_profiles TO muniment_app;
GRANT SELECT ON goclaw.user_agent_profiles TO muniment_reader;

CREATE TABLE goclaw.user_agent_overrides (
    tenant_id  uuid         NOT NULL,
    id         uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id   uuid         NOT NULL,
    user_id    varchar(255) NOT NULL,
    provider   varchar(50),
    model      varchar(200),
    settings   jsonb,
    created_at timestamptz  NOT NULL DEFAULT now(),
    updated_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT user_agent_overrides_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT user_agent_overrides_user_id_uq UNIQUE (tenant_id, agent_id, user_id),
    CONSTRAINT user_agent_overrides_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT user_agent_overrides_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE
);

COMMENT ON TABLE goclaw.user_agent_overrides IS
    'The provider and model that a user prefers for an agent.';
COMMENT ON COLUMN goclaw.user_agent_overrides.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.user_agent_overrides.id IS 'The preference.';
COMMENT ON COLUMN goclaw.user_agent_overrides.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.user_agent_overrides.user_id IS 'The user.';
COMMENT ON COLUMN goclaw.user_agent_overrides.provider IS 'Provider. NULL leaves it to the agent.';
COMMENT ON COLUMN goclaw.user_agent_overrides.model IS 'Model. NULL leaves it to the agent.';
COMMENT ON COLUMN goclaw.user_agent_overrides.settings IS 'Further settings.';
COMMENT ON COLUMN goclaw.user_agent_overrides.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.user_agent_overrides.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER user_agent_overrides_set_updated_at_tg
    BEFORE UPDATE ON goclaw.user_agent_overrides
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.user_agent_overrides ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.user_agent_overrides FORCE ROW LEVEL SECURITY;

CREATE POLICY user_agent_overrides_tenant ON goclaw.user_agent_overrides
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY user_agent_overrides_tenant_guard ON goclaw.user_agent_overrides AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.user_agent_overrides TO muniment_app;
GRANT UPDATE (
    agent_id, user_id, provider, model, settings, updated_at
) ON goclaw.user_agent_overrides TO muniment_app;
GRANT SELECT ON goclaw.user_agent_overrides TO muniment_reader;

COMMIT;

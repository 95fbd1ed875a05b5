-- Deploy goclaw:agent_teams to pg
-- requires: agents
--
-- Agents that work together, and the people who may see what they do. The tables of a team's work
-- come later; sessions, memory and schedules refer to a team before that.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.  Docs: docs/schema/goclaw.md#agent-teams

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.agent_teams (
    tenant_id     uuid         NOT NULL,
    id            uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    name          varchar(255) NOT NULL,
    lead_agent_id uuid         NOT NULL,
    description   text,
    status        varchar(20)  NOT NULL DEFAULT 'active',
    settings      jsonb        NOT NULL DEFAULT '{}',
    created_by    varchar(255),
    created_at    timestamptz  NOT NULL DEFAULT now(),
    updated_at    timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT agent_teams_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT agent_teams_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT agent_teams_lead_agent_fk FOREIGN KEY (tenant_id, lead_agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE
);

-- Serves the reference.
CREATE INDEX agent_teams_lead_agent_id_ix ON goclaw.agent_teams (tenant_id, lead_agent_id);

COMMENT ON TABLE goclaw.agent_teams IS 'Agents that work together under a lead.';
COMMENT ON COLUMN goclaw.agent_teams.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.agent_teams.id IS 'The team.';
COMMENT ON COLUMN goclaw.agent_teams.name IS 'For people.';
COMMENT ON COLUMN goclaw.agent_teams.lead_agent_id IS
    'The agent that leads. Once the team has tasks, another has to lead before this one is '
    'deleted.';
COMMENT ON COLUMN goclaw.agent_teams.description IS 'What it is for.';
COMMENT ON COLUMN goclaw.agent_teams.status IS 'Whether it works, for example active.';
COMMENT ON COLUMN goclaw.agent_teams.settings IS 'Settings of the team.';
COMMENT ON COLUMN goclaw.agent_teams.created_by IS 'The user who made it.';
COMMENT ON COLUMN goclaw.agent_teams.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.agent_teams.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER agent_teams_set_updated_at_tg
    BEFORE UPDATE ON goclaw.agent_teams
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.agent_teams ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.agent_teams FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_teams_tenant ON goclaw.agent_teams
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_teams_tenant_guard ON goclaw.agent_teams AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.agent_teams TO muniment_app;
GRANT UPDATE (
    name, lead_agent_id, description, status, settings, created_by, updated_at
) ON goclaw.agent_teams TO muniment_app;
GRANT SELECT ON goclaw.agent_teams TO muniment_reader;

CREATE TABLE goclaw.agent_team_members (
    tenant_id uuid        NOT NULL,
    team_id   uuid        NOT NULL,
    agent_id  uuid        NOT NULL,
    role      varchar(20) NOT NULL DEFAULT 'member',
    joined_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT agent_team_members_pk PRIMARY KEY (tenant_id, team_id, agent_id),
    CONSTRAINT agent_team_members_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT agent_team_members_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_team_members_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_team_members_role_ck CHECK (role IN ('lead', 'member'))
);

-- The teams of an agent. Serves the reference.
CREATE INDEX agent_team_members_agent_id_ix ON goclaw.agent_team_members (tenant_id, agent_id);

COMMENT ON TABLE goclaw.agent_team_members IS 'An agent that is in a team.';
COMMENT ON COLUMN goclaw.agent_team_members.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.agent_team_members.team_id IS 'The team.';
COMMENT ON COLUMN goclaw.agent_team_members.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.agent_team_members.role IS 'lead or member.';
COMMENT ON COLUMN goclaw.agent_team_members.joined_at IS 'Since when.';

ALTER TABLE goclaw.agent_team_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.agent_team_members FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_team_members_tenant ON goclaw.agent_team_members
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_team_members_tenant_guard ON goclaw.agent_team_members AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.agent_team_members TO muniment_app;
GRANT UPDATE (role, joined_at) ON goclaw.agent_team_members TO muniment_app;
GRANT SELECT ON goclaw.agent_team_members TO muniment_reader;

CREATE TABLE goclaw.team_user_grants (
    tenant_id  uuid         NOT NULL,
    id         uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    team_id    uuid         NOT NULL,
    user_id    varchar(255) NOT NULL,
    role       varchar(50)  NOT NULL DEFAULT 'viewer',
    granted_by varchar(255),
    created_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT team_user_grants_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT team_user_grants_user_id_uq UNIQUE (tenant_id, team_id, user_id),
    CONSTRAINT team_user_grants_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT team_user_grants_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE CASCADE
);

-- The teams that a user may see.
CREATE INDEX team_user_grants_user_id_ix ON goclaw.team_user_grants (tenant_id, user_id);

COMMENT ON TABLE goclaw.team_user_grants IS 'A user who may see and direct a team.';
COMMENT ON COLUMN goclaw.team_user_grants.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.team_user_grants.id IS 'The grant.';
COMMENT ON COLUMN goclaw.team_user_grants.team_id IS 'The team.';
COMMENT ON COLUMN goclaw.team_user_grants.user_id IS 'The user.';
COMMENT ON COLUMN goclaw.team_user_grants.role IS
    'What the user may do, as the gateway understands it.';
COMMENT ON COLUMN goclaw.team_user_grants.granted_by IS 'The user who granted it.';
COMMENT ON COLUMN goclaw.team_user_grants.created_at IS 'When the row was made.';

ALTER TABLE goclaw.team_user_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.team_user_grants FORCE ROW LEVEL SECURITY;

CREATE POLICY team_user_grants_tenant ON goclaw.team_user_grants
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY team_user_grants_tenant_guard ON goclaw.team_user_grants AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.team_user_grants TO muniment_app;
GRANT UPDATE (team_id, user_id, role, granted_by) ON goclaw.team_user_grants TO muniment_app;
GRANT SELECT ON goclaw.team_user_grants TO muniment_reader;

COMMIT;

-- Deploy goclaw:agent_links to pg
-- requires: agent_teams
--
-- To whom an agent may hand on work. A team makes such links for its members; they go with the
-- team.
-- Locks: SHARE ROW EXCLUSIVE on agent_teams, agents, tenants.
-- Docs: docs/schema/goclaw.md#agent-links

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.agent_links (
    tenant_id       uuid         NOT NULL,
    id              uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    source_agent_id uuid         NOT NULL,
    target_agent_id uuid         NOT NULL,
    direction       varchar(20)  NOT NULL DEFAULT 'outbound',
    description     text,
    max_concurrent  integer      NOT NULL DEFAULT 3,
    team_id         uuid,
    status          varchar(20)  NOT NULL DEFAULT 'active',
    settings        jsonb        NOT NULL DEFAULT '{}',
    created_by      varchar(255),
    created_at      timestamptz  NOT NULL DEFAULT now(),
    updated_at      timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT agent_links_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT agent_links_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT agent_links_source_agent_fk FOREIGN KEY (tenant_id, source_agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_links_target_agent_fk FOREIGN KEY (tenant_id, target_agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_links_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_links_max_concurrent_ck CHECK (max_concurrent >= 0)
);

-- To whom an agent may hand on. Serves the reference.
CREATE INDEX agent_links_source_agent_id_ix ON goclaw.agent_links (tenant_id, source_agent_id);

-- Serves the reference.
CREATE INDEX agent_links_target_agent_id_ix ON goclaw.agent_links (tenant_id, target_agent_id);

-- Serves the reference.
CREATE INDEX agent_links_team_id_ix
    ON goclaw.agent_links (tenant_id, team_id) WHERE team_id IS NOT NULL;

COMMENT ON TABLE goclaw.agent_links IS 'Leave of one agent to hand on work to another.';
COMMENT ON COLUMN goclaw.agent_links.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.agent_links.id IS 'The link.';
COMMENT ON COLUMN goclaw.agent_links.source_agent_id IS 'The agent that hands on.';
COMMENT ON COLUMN goclaw.agent_links.target_agent_id IS 'The agent that takes over.';
COMMENT ON COLUMN goclaw.agent_links.direction IS 'Which way work goes, seen from the source.';
COMMENT ON COLUMN goclaw.agent_links.description IS 'What the source is told about the target.';
COMMENT ON COLUMN goclaw.agent_links.max_concurrent IS 'How much work may be handed on at a time.';
COMMENT ON COLUMN goclaw.agent_links.team_id IS
    'The team that made the link. NULL means that a user did.';
COMMENT ON COLUMN goclaw.agent_links.status IS 'Whether it may be used, for example active.';
COMMENT ON COLUMN goclaw.agent_links.settings IS 'Further settings.';
COMMENT ON COLUMN goclaw.agent_links.created_by IS 'The user who made it.';
COMMENT ON COLUMN goclaw.agent_links.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.agent_links.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER agent_links_set_updated_at_tg
    BEFORE UPDATE ON goclaw.agent_links
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.agent_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.agent_links FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_links_tenant ON goclaw.agent_links
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_links_tenant_guard ON goclaw.agent_links AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.agent_links TO muniment_app;
GRANT UPDATE (
    source_agent_id, target_agent_id, direction, description, max_concurrent, team_id, status,
    settings, created_by, updated_at
) ON goclaw.agent_links TO muniment_app;
GRANT SELECT ON goclaw.agent_links TO muniment_reader;

COMMIT;

-- Deploy astra:agent_collaborators to pg
-- requires: agents
-- requires: teams
--
-- A collaborator is a member or a team. Each has a column with a reference of its own, so that
-- neither can be what it is not; the stated collaborator_id is computed from them.
-- Locks: SHARE ROW EXCLUSIVE on agents, org_memberships, organizations, teams.
-- Docs: docs/schema/astra.md#agent-collaborators

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.agent_collaborators (
    org_id          uuid        NOT NULL,
    id              uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id        uuid        NOT NULL,
    user_id         uuid,
    team_id         uuid,
    collaborator_id uuid        GENERATED ALWAYS AS (coalesce(user_id, team_id)) STORED,
    permission      text        NOT NULL DEFAULT 'run',
    created_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT agent_collaborators_pk PRIMARY KEY (org_id, id),
    CONSTRAINT agent_collaborators_collaborator_id_uq UNIQUE (org_id, agent_id, collaborator_id),
    CONSTRAINT agent_collaborators_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT agent_collaborators_agent_fk FOREIGN KEY (org_id, agent_id)
        REFERENCES astra.agents (org_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_collaborators_member_fk FOREIGN KEY (org_id, user_id)
        REFERENCES astra.org_memberships (org_id, user_id) ON DELETE CASCADE,
    CONSTRAINT agent_collaborators_team_fk FOREIGN KEY (org_id, team_id)
        REFERENCES astra.teams (org_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_collaborators_collaborator_ck CHECK (num_nonnulls(user_id, team_id) = 1),
    CONSTRAINT agent_collaborators_permission_ck CHECK (permission IN ('view', 'run', 'edit'))
);

-- The agents shared with a member. Serves the reference.
CREATE INDEX agent_collaborators_user_id_ix
    ON astra.agent_collaborators (org_id, user_id) WHERE user_id IS NOT NULL;

-- The agents shared with a team. Serves the reference.
CREATE INDEX agent_collaborators_team_id_ix
    ON astra.agent_collaborators (org_id, team_id) WHERE team_id IS NOT NULL;

COMMENT ON TABLE astra.agent_collaborators IS 'A member or a team with whom an agent is shared.';
COMMENT ON COLUMN astra.agent_collaborators.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.agent_collaborators.id IS 'The share.';
COMMENT ON COLUMN astra.agent_collaborators.agent_id IS 'The agent.';
COMMENT ON COLUMN astra.agent_collaborators.user_id IS 'The member. NULL means a team.';
COMMENT ON COLUMN astra.agent_collaborators.team_id IS 'The team. NULL means a member.';
COMMENT ON COLUMN astra.agent_collaborators.collaborator_id IS
    'Whichever of the two it is. Computed.';
COMMENT ON COLUMN astra.agent_collaborators.permission IS
    'view, run or edit: each includes those before it.';
COMMENT ON COLUMN astra.agent_collaborators.created_at IS 'When the row was made.';

ALTER TABLE astra.agent_collaborators ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.agent_collaborators FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_collaborators_tenant ON astra.agent_collaborators
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_collaborators_tenant_guard ON astra.agent_collaborators AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON astra.agent_collaborators TO muniment_app;
GRANT UPDATE (agent_id, user_id, team_id, permission) ON astra.agent_collaborators TO muniment_app;
GRANT SELECT ON astra.agent_collaborators TO muniment_reader;

COMMIT;

-- Deploy astra:agent_admins to pg
-- requires: agents
-- requires: org_memberships
--
-- Who looks after an agent: may change it, and share it.
-- Locks: SHARE ROW EXCLUSIVE on agents, org_memberships, organizations.
-- Docs: docs/schema/astra.md#agent-admins

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.agent_admins (
    org_id     uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id   uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT agent_admins_pk PRIMARY KEY (org_id, id),
    CONSTRAINT agent_admins_user_id_uq UNIQUE (org_id, agent_id, user_id),
    CONSTRAINT agent_admins_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT agent_admins_agent_fk FOREIGN KEY (org_id, agent_id)
        REFERENCES astra.agents (org_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_admins_member_fk FOREIGN KEY (org_id, user_id)
        REFERENCES astra.org_memberships (org_id, user_id) ON DELETE CASCADE
);

-- The agents of a member. Serves the reference.
CREATE INDEX agent_admins_user_id_ix ON astra.agent_admins (org_id, user_id);

COMMENT ON TABLE astra.agent_admins IS 'A member who looks after an agent.';
COMMENT ON COLUMN astra.agent_admins.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.agent_admins.id IS 'The appointment.';
COMMENT ON COLUMN astra.agent_admins.agent_id IS 'The agent.';
COMMENT ON COLUMN astra.agent_admins.user_id IS 'The member.';
COMMENT ON COLUMN astra.agent_admins.created_at IS 'When the row was made.';

ALTER TABLE astra.agent_admins ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.agent_admins FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_admins_tenant ON astra.agent_admins
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_admins_tenant_guard ON astra.agent_admins AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON astra.agent_admins TO muniment_app;
GRANT UPDATE (agent_id, user_id) ON astra.agent_admins TO muniment_app;
GRANT SELECT ON astra.agent_admins TO muniment_reader;

COMMIT;

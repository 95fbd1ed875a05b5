-- Deploy goclaw:agent_shares to pg
-- requires: agents
--
-- Who besides its owner may work with an agent.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.  Docs: docs/schema/goclaw.md#agent-shares

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.agent_shares (
    tenant_id  uuid         NOT NULL,
    id         uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id   uuid         NOT NULL,
    user_id    varchar(255) NOT NULL,
    role       varchar(20)  NOT NULL DEFAULT 'user',
    granted_by varchar(255),
    created_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT agent_shares_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT agent_shares_user_id_uq UNIQUE (tenant_id, agent_id, user_id),
    CONSTRAINT agent_shares_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT agent_shares_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_shares_role_ck CHECK (role IN ('user', 'operator', 'admin'))
);

-- The agents that are shared with a user.
CREATE INDEX agent_shares_user_id_ix ON goclaw.agent_shares (tenant_id, user_id);

COMMENT ON TABLE goclaw.agent_shares IS 'A user with whom an agent is shared.';
COMMENT ON COLUMN goclaw.agent_shares.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.agent_shares.id IS 'The share.';
COMMENT ON COLUMN goclaw.agent_shares.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.agent_shares.user_id IS 'The user.';
COMMENT ON COLUMN goclaw.agent_shares.role IS 'What the user may do: user, operator or admin.';
COMMENT ON COLUMN goclaw.agent_shares.granted_by IS 'The user who shared it.';
COMMENT ON COLUMN goclaw.agent_shares.created_at IS 'When the row was made.';

ALTER TABLE goclaw.agent_shares ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.agent_shares FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_shares_tenant ON goclaw.agent_shares
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_shares_tenant_guard ON goclaw.agent_shares AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.agent_shares TO muniment_app;
GRANT UPDATE (agent_id, user_id, role, granted_by) ON goclaw.agent_shares TO muniment_app;
GRANT SELECT ON goclaw.agent_shares TO muniment_reader;

COMMIT;

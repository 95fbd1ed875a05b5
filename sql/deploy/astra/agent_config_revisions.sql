-- Deploy astra:agent_config_revisions to pg
-- requires: agents
-- requires: forbid_by_hand
-- requires: platform:forbid_change
--
-- What an agent was configured as, at each point of its life. The trigger of agents writes it;
-- nobody changes it. The agent takes its history along when it is removed, which it can only be
-- while it has neither goals nor usage. The time is the clock's, read under the lock of the agent:
-- the begin of a transaction could be before that of the revision before.
-- Locks: SHARE ROW EXCLUSIVE on agents, organizations.
-- Docs: docs/schema/astra.md#agent-config-revisions

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.agent_config_revisions (
    org_id     uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id   uuid        NOT NULL,
    revision   integer     NOT NULL,
    payload    jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT agent_config_revisions_pk PRIMARY KEY (org_id, id),
    CONSTRAINT agent_config_revisions_revision_uq UNIQUE (org_id, agent_id, revision),
    CONSTRAINT agent_config_revisions_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT agent_config_revisions_agent_fk FOREIGN KEY (org_id, agent_id)
        REFERENCES astra.agents (org_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_config_revisions_revision_ck CHECK (revision >= 1)
);

COMMENT ON TABLE astra.agent_config_revisions IS
    'An agent as it was after one change. Append-only: rows leave with their agent only.';
COMMENT ON COLUMN astra.agent_config_revisions.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.agent_config_revisions.id IS 'The revision''s identity.';
COMMENT ON COLUMN astra.agent_config_revisions.agent_id IS 'The agent.';
COMMENT ON COLUMN astra.agent_config_revisions.revision IS
    '1 for the agent as it was made, then one more for each change.';
COMMENT ON COLUMN astra.agent_config_revisions.payload IS
    'The row of the agent after the change, but for its keys and times.';
COMMENT ON COLUMN astra.agent_config_revisions.created_at IS 'When the change was made.';

CREATE TRIGGER agent_config_revisions_forbid_by_hand_tg
    BEFORE INSERT ON astra.agent_config_revisions
    FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION astra.forbid_by_hand();

-- The cascade from agents deletes inside of a trigger.
CREATE TRIGGER agent_config_revisions_forbid_delete_tg
    BEFORE DELETE ON astra.agent_config_revisions
    FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER agent_config_revisions_forbid_update_tg
    BEFORE UPDATE ON astra.agent_config_revisions
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER agent_config_revisions_forbid_truncate_tg
    BEFORE TRUNCATE ON astra.agent_config_revisions
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE astra.agent_config_revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.agent_config_revisions FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_config_revisions_tenant ON astra.agent_config_revisions
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_config_revisions_tenant_guard ON astra.agent_config_revisions AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT ON astra.agent_config_revisions TO muniment_app;
GRANT SELECT ON astra.agent_config_revisions TO muniment_reader;

COMMIT;

-- Deploy astra:agent_daily_usage to pg
-- requires: agents
-- requires: forbid_by_hand
--
-- One counter an agent and day, so that a budget is held by one row lock and not by adding up. The
-- triggers of token_reservations and llm_usage count; a trigger refuses everybody else, because
-- whoever reserves needs the rights to do so.
-- Locks: SHARE ROW EXCLUSIVE on agents, organizations.
-- Docs: docs/schema/astra.md#agent-daily-usage

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.agent_daily_usage (
    org_id          uuid   NOT NULL,
    agent_id        uuid   NOT NULL,
    usage_date      date   NOT NULL,
    tokens_used     bigint NOT NULL DEFAULT 0,
    tokens_reserved bigint NOT NULL DEFAULT 0,

    CONSTRAINT agent_daily_usage_pk PRIMARY KEY (org_id, agent_id, usage_date),
    CONSTRAINT agent_daily_usage_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT agent_daily_usage_agent_fk FOREIGN KEY (org_id, agent_id)
        REFERENCES astra.agents (org_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_daily_usage_tokens_ck CHECK (tokens_used >= 0 AND tokens_reserved >= 0)
);

COMMENT ON TABLE astra.agent_daily_usage IS 'Tokens of an agent on one day.';
COMMENT ON COLUMN astra.agent_daily_usage.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.agent_daily_usage.agent_id IS 'The agent.';
COMMENT ON COLUMN astra.agent_daily_usage.usage_date IS 'The day, UTC.';
COMMENT ON COLUMN astra.agent_daily_usage.tokens_used IS 'Tokens in llm_usage.';
COMMENT ON COLUMN astra.agent_daily_usage.tokens_reserved IS
    'Tokens in token_reservations: promised, and not settled.';

CREATE TRIGGER agent_daily_usage_forbid_by_hand_tg
    BEFORE INSERT OR UPDATE OF tokens_used, tokens_reserved ON astra.agent_daily_usage
    FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION astra.forbid_by_hand();

ALTER TABLE astra.agent_daily_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.agent_daily_usage FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_daily_usage_tenant ON astra.agent_daily_usage
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_daily_usage_tenant_guard ON astra.agent_daily_usage AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT ON astra.agent_daily_usage TO muniment_app;
GRANT UPDATE (tokens_used, tokens_reserved) ON astra.agent_daily_usage TO muniment_app;
GRANT SELECT ON astra.agent_daily_usage TO muniment_reader;

COMMIT;

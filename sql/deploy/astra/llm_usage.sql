-- Deploy astra:llm_usage to pg
-- requires: goals
-- requires: agent_daily_usage
-- requires: count_used_tokens
-- requires: platform:forbid_change
--
-- What each call of a model used. Appended by settle_tokens, or without a reservation by whoever
-- made the call; the trigger counts it either way, because what is spent is spent.
-- Locks: SHARE ROW EXCLUSIVE on agents, goals, organizations.  Docs: docs/schema/astra.md#llm-usage

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.llm_usage (
    org_id         uuid        NOT NULL,
    id             uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id       uuid        NOT NULL,
    goal_id        uuid,
    model          text        NOT NULL,
    tokens_in      integer     NOT NULL,
    tokens_out     integer     NOT NULL,
    reservation_id uuid,
    usage_date     date        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT llm_usage_pk PRIMARY KEY (org_id, id),
    CONSTRAINT llm_usage_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT llm_usage_agent_fk FOREIGN KEY (org_id, agent_id)
        REFERENCES astra.agents (org_id, id) ON DELETE RESTRICT,
    CONSTRAINT llm_usage_goal_fk FOREIGN KEY (org_id, goal_id)
        REFERENCES astra.goals (org_id, id) ON DELETE RESTRICT,
    CONSTRAINT llm_usage_model_ck CHECK (model <> ''),
    CONSTRAINT llm_usage_tokens_ck CHECK (tokens_in >= 0 AND tokens_out >= 0)
);

-- What an agent used lately. Serves the reference.
CREATE INDEX llm_usage_agent_id_ix ON astra.llm_usage (org_id, agent_id, created_at DESC);

-- What a goal cost. Serves the reference.
CREATE INDEX llm_usage_goal_id_ix ON astra.llm_usage (org_id, goal_id) WHERE goal_id IS NOT NULL;

COMMENT ON TABLE astra.llm_usage IS 'Tokens that one call of a model used. Append-only.';
COMMENT ON COLUMN astra.llm_usage.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.llm_usage.id IS 'The use.';
COMMENT ON COLUMN astra.llm_usage.agent_id IS 'The agent.';
COMMENT ON COLUMN astra.llm_usage.goal_id IS
    'The goal that it was for. NULL means none, as in a chat.';
COMMENT ON COLUMN astra.llm_usage.model IS 'The model.';
COMMENT ON COLUMN astra.llm_usage.tokens_in IS 'Tokens given to the model.';
COMMENT ON COLUMN astra.llm_usage.tokens_out IS 'Tokens received from it.';
COMMENT ON COLUMN astra.llm_usage.reservation_id IS
    'The reservation in whose place it came. NULL means that nothing was reserved.';
COMMENT ON COLUMN astra.llm_usage.usage_date IS
    'The day, UTC, on whose budget it is: that of the reservation, else that of created_at. A '
    'trigger sets it.';
COMMENT ON COLUMN astra.llm_usage.created_at IS 'When it was entered.';

CREATE TRIGGER llm_usage_find_day_tg
    BEFORE INSERT ON astra.llm_usage
    FOR EACH ROW EXECUTE FUNCTION astra.count_used_tokens();

CREATE TRIGGER llm_usage_count_tg
    AFTER INSERT ON astra.llm_usage
    FOR EACH ROW EXECUTE FUNCTION astra.count_used_tokens();

CREATE TRIGGER llm_usage_forbid_change_tg
    BEFORE UPDATE OR DELETE ON astra.llm_usage
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER llm_usage_forbid_truncate_tg
    BEFORE TRUNCATE ON astra.llm_usage
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE astra.llm_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.llm_usage FORCE ROW LEVEL SECURITY;

CREATE POLICY llm_usage_tenant ON astra.llm_usage
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY llm_usage_tenant_guard ON astra.llm_usage AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

-- The time, and with it the day, is not the runtime's to choose.
GRANT SELECT ON astra.llm_usage TO muniment_app;
GRANT INSERT (
    org_id, id, agent_id, goal_id, model, tokens_in, tokens_out, reservation_id
) ON astra.llm_usage TO muniment_app;
GRANT SELECT ON astra.llm_usage TO muniment_reader;

COMMIT;

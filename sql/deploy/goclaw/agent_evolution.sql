-- Deploy goclaw:agent_evolution to pg
-- requires: agents
--
-- How agents improve themselves: what was measured in their sessions, and the changes that follow
-- from it, which somebody approves or rejects. A measurement is not changed afterwards.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.
-- Docs: docs/schema/goclaw.md#agent-evolution

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.agent_evolution_metrics (
    tenant_id   uuid        NOT NULL,
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
    agent_id    uuid        NOT NULL,
    session_key text        NOT NULL,
    metric_type text        NOT NULL,
    metric_key  text        NOT NULL,
    value       jsonb       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT agent_evolution_metrics_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT agent_evolution_metrics_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT agent_evolution_metrics_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE
);

-- Stated: measurements of a kind of an agent. Serves the reference.
CREATE INDEX agent_evolution_metrics_metric_type_ix
    ON goclaw.agent_evolution_metrics (tenant_id, agent_id, metric_type);

-- Stated: measurements by time.
CREATE INDEX agent_evolution_metrics_created_at_ix
    ON goclaw.agent_evolution_metrics (tenant_id, created_at);

COMMENT ON TABLE goclaw.agent_evolution_metrics IS
    'Something measured in a session of an agent. Append-only.';
COMMENT ON COLUMN goclaw.agent_evolution_metrics.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.agent_evolution_metrics.id IS 'The measurement.';
COMMENT ON COLUMN goclaw.agent_evolution_metrics.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.agent_evolution_metrics.session_key IS 'The session.';
COMMENT ON COLUMN goclaw.agent_evolution_metrics.metric_type IS 'What kind of thing was measured.';
COMMENT ON COLUMN goclaw.agent_evolution_metrics.metric_key IS 'What was measured.';
COMMENT ON COLUMN goclaw.agent_evolution_metrics.value IS 'What came out.';
COMMENT ON COLUMN goclaw.agent_evolution_metrics.created_at IS 'When the row was made.';

CREATE TRIGGER agent_evolution_metrics_forbid_update_tg
    BEFORE UPDATE ON goclaw.agent_evolution_metrics
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER agent_evolution_metrics_forbid_truncate_tg
    BEFORE TRUNCATE ON goclaw.agent_evolution_metrics
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE goclaw.agent_evolution_metrics ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.agent_evolution_metrics FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_evolution_metrics_tenant ON goclaw.agent_evolution_metrics
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_evolution_metrics_tenant_guard ON goclaw.agent_evolution_metrics AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT ON goclaw.agent_evolution_metrics TO muniment_app;
GRANT SELECT ON goclaw.agent_evolution_metrics TO muniment_reader;

CREATE TABLE goclaw.agent_evolution_suggestions (
    tenant_id       uuid        NOT NULL,
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
    agent_id        uuid        NOT NULL,
    suggestion_type text        NOT NULL,
    suggestion      text        NOT NULL,
    rationale       text        NOT NULL,
    parameters      jsonb,
    status          text        NOT NULL DEFAULT 'pending',
    reviewed_by     text,
    reviewed_at     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT agent_evolution_suggestions_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT agent_evolution_suggestions_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT agent_evolution_suggestions_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_evolution_suggestions_status_ck
        CHECK (status IN ('pending', 'approved', 'rejected'))
);

-- Stated: what is to be decided for an agent. Serves the reference.
CREATE INDEX agent_evolution_suggestions_status_ix
    ON goclaw.agent_evolution_suggestions (tenant_id, agent_id, status);

COMMENT ON TABLE goclaw.agent_evolution_suggestions IS
    'A change to an agent that somebody has to decide on.';
COMMENT ON COLUMN goclaw.agent_evolution_suggestions.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.agent_evolution_suggestions.id IS 'The suggestion.';
COMMENT ON COLUMN goclaw.agent_evolution_suggestions.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.agent_evolution_suggestions.suggestion_type IS
    'What would change, for example prompt_tweak or tool_config.';
COMMENT ON COLUMN goclaw.agent_evolution_suggestions.suggestion IS 'The change.';
COMMENT ON COLUMN goclaw.agent_evolution_suggestions.rationale IS 'Why.';
COMMENT ON COLUMN goclaw.agent_evolution_suggestions.parameters IS
    'The change in a form for programs.';
COMMENT ON COLUMN goclaw.agent_evolution_suggestions.status IS 'pending, approved or rejected.';
COMMENT ON COLUMN goclaw.agent_evolution_suggestions.reviewed_by IS 'Who decided.';
COMMENT ON COLUMN goclaw.agent_evolution_suggestions.reviewed_at IS 'When that was.';
COMMENT ON COLUMN goclaw.agent_evolution_suggestions.created_at IS 'When the row was made.';

ALTER TABLE goclaw.agent_evolution_suggestions ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.agent_evolution_suggestions FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_evolution_suggestions_tenant ON goclaw.agent_evolution_suggestions
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_evolution_suggestions_tenant_guard
    ON goclaw.agent_evolution_suggestions AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.agent_evolution_suggestions TO muniment_app;
GRANT UPDATE (
    suggestion_type, suggestion, rationale, parameters, status, reviewed_by, reviewed_at
) ON goclaw.agent_evolution_suggestions TO muniment_app;
GRANT SELECT ON goclaw.agent_evolution_suggestions TO muniment_reader;

COMMIT;

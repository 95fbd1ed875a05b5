-- Deploy goclaw:traces to pg
-- requires: agent_teams
--
-- What the gateway observed: a trace is one run of an agent, a span one step in it. The gateway
-- writes a trace when the run begins and completes it when it ends; spans come in batches, the
-- inner ones often before the outer one, so parent_span_id is no reference. A delegated run goes
-- with the run that it worked for: without it, it would count as one that a user asked for. A cost
-- is a number: NaN is above every other, and would make each sum NaN.
-- Locks: SHARE ROW EXCLUSIVE on agent_teams, agents, tenants.  Docs: docs/schema/goclaw.md#traces

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.traces (
    tenant_id           uuid          NOT NULL,
    id                  uuid          NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id            uuid,
    user_id             varchar(255),
    session_key         text,
    run_id              text,
    parent_trace_id     uuid,
    name                text,
    channel             varchar(50),
    status              varchar(20)   NOT NULL DEFAULT 'running',
    start_time          timestamptz   NOT NULL DEFAULT now(),
    end_time            timestamptz,
    duration_ms         integer,
    total_input_tokens  integer       NOT NULL DEFAULT 0,
    total_output_tokens integer       NOT NULL DEFAULT 0,
    total_cost          numeric(12,6) NOT NULL DEFAULT 0,
    span_count          integer       NOT NULL DEFAULT 0,
    llm_call_count      integer       NOT NULL DEFAULT 0,
    tool_call_count     integer       NOT NULL DEFAULT 0,
    input_preview       text,
    output_preview      text,
    tags                text[]        NOT NULL DEFAULT '{}',
    error               text,
    metadata            jsonb         NOT NULL DEFAULT '{}',
    team_id             uuid,
    created_at          timestamptz   NOT NULL DEFAULT now(),

    CONSTRAINT traces_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT traces_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT traces_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT traces_parent_fk FOREIGN KEY (tenant_id, parent_trace_id)
        REFERENCES goclaw.traces (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT traces_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE SET NULL (team_id),
    CONSTRAINT traces_status_ck CHECK (status IN ('running', 'ok', 'error')),
    CONSTRAINT traces_duration_ms_ck CHECK (duration_ms >= 0),
    CONSTRAINT traces_tokens_ck CHECK (total_input_tokens >= 0 AND total_output_tokens >= 0),
    CONSTRAINT traces_total_cost_ck
        CHECK (total_cost >= 0 AND total_cost < 'NaN'),
    CONSTRAINT traces_counts_ck
        CHECK (span_count >= 0 AND llm_call_count >= 0 AND tool_call_count >= 0),
    CONSTRAINT traces_parent_ck CHECK (parent_trace_id <> id)
);

-- Stated: the latest traces of an agent. Serves the reference.
CREATE INDEX traces_agent_id_ix ON goclaw.traces (tenant_id, agent_id, created_at DESC);

-- Stated: the latest traces of a user.
CREATE INDEX traces_user_id_ix ON goclaw.traces (tenant_id, user_id, created_at DESC);

-- Stated: the traces of a session.
CREATE INDEX traces_session_key_ix ON goclaw.traces (tenant_id, session_key);

-- Stated: what failed.
CREATE INDEX traces_status_ix ON goclaw.traces (tenant_id, status) WHERE status = 'error';

-- Stated: what a user asked for, for quotas.
CREATE INDEX traces_quota_ix
    ON goclaw.traces (tenant_id, user_id, created_at DESC)
    WHERE parent_trace_id IS NULL;

-- Stated: what users asked for in a time.
CREATE INDEX traces_start_root_ix
    ON goclaw.traces (tenant_id, start_time DESC) WHERE parent_trace_id IS NULL;

-- Stated: the traces of a team. Serves the reference.
CREATE INDEX traces_team_id_ix ON goclaw.traces (tenant_id, team_id) WHERE team_id IS NOT NULL;

-- The delegated runs of a run. Serves the reference.
CREATE INDEX traces_parent_trace_id_ix
    ON goclaw.traces (tenant_id, parent_trace_id)
    WHERE parent_trace_id IS NOT NULL;

COMMENT ON TABLE goclaw.traces IS 'One run of an agent, as the gateway observed it.';
COMMENT ON COLUMN goclaw.traces.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.traces.id IS 'The trace.';
COMMENT ON COLUMN goclaw.traces.agent_id IS 'The agent. NULL means that none was involved.';
COMMENT ON COLUMN goclaw.traces.user_id IS 'The user who asked.';
COMMENT ON COLUMN goclaw.traces.session_key IS 'The session in which it ran.';
COMMENT ON COLUMN goclaw.traces.run_id IS 'The run, as the gateway names it.';
COMMENT ON COLUMN goclaw.traces.parent_trace_id IS
    'The trace of the run that delegated this one. NULL means that a user asked for it.';
COMMENT ON COLUMN goclaw.traces.name IS 'For people.';
COMMENT ON COLUMN goclaw.traces.channel IS 'Where the user asked.';
COMMENT ON COLUMN goclaw.traces.status IS 'running, ok or error.';
COMMENT ON COLUMN goclaw.traces.start_time IS 'When the run began.';
COMMENT ON COLUMN goclaw.traces.end_time IS
    'When it ended. NULL means that it has not, or that nobody noticed.';
COMMENT ON COLUMN goclaw.traces.duration_ms IS 'How long it took, in milliseconds.';
COMMENT ON COLUMN goclaw.traces.total_input_tokens IS 'Tokens given to models.';
COMMENT ON COLUMN goclaw.traces.total_output_tokens IS 'Tokens received from models.';
COMMENT ON COLUMN goclaw.traces.total_cost IS 'Estimated cost in US dollars.';
COMMENT ON COLUMN goclaw.traces.span_count IS 'How many spans it has.';
COMMENT ON COLUMN goclaw.traces.llm_call_count IS 'How many of them are calls of models.';
COMMENT ON COLUMN goclaw.traces.tool_call_count IS 'How many of them are calls of tools.';
COMMENT ON COLUMN goclaw.traces.input_preview IS 'How the first message begins.';
COMMENT ON COLUMN goclaw.traces.output_preview IS 'How the last message begins.';
COMMENT ON COLUMN goclaw.traces.tags IS 'Words under which it is found.';
COMMENT ON COLUMN goclaw.traces.error IS 'What went wrong.';
COMMENT ON COLUMN goclaw.traces.metadata IS 'Further facts about the run.';
COMMENT ON COLUMN goclaw.traces.team_id IS 'The team for which it ran. NULL means none.';
COMMENT ON COLUMN goclaw.traces.created_at IS 'When the row was made.';

ALTER TABLE goclaw.traces ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.traces FORCE ROW LEVEL SECURITY;

CREATE POLICY traces_tenant ON goclaw.traces
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY traces_tenant_guard ON goclaw.traces AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.traces TO muniment_app;
GRANT UPDATE (
    agent_id, user_id, session_key, run_id, parent_trace_id, name, channel, status, start_time,
    end_time, duration_ms, total_input_tokens, total_output_tokens, total_cost, span_count,
    llm_call_count, tool_call_count, input_preview, output_preview, tags, error, metadata,
    team_id
) ON goclaw.traces TO muniment_app;
GRANT SELECT ON goclaw.traces TO muniment_reader;

CREATE TABLE goclaw.spans (
    tenant_id      uuid          NOT NULL,
    id             uuid          NOT NULL DEFAULT platform.uuid_generate_v7(),
    trace_id       uuid          NOT NULL,
    parent_span_id uuid,
    agent_id       uuid,
    span_type      varchar(20)   NOT NULL,
    name           text,
    status         varchar(20),
    start_time     timestamptz   NOT NULL DEFAULT now(),
    end_time       timestamptz,
    duration_ms    integer,
    model          varchar(200),
    provider       varchar(50),
    input_tokens   integer       NOT NULL DEFAULT 0,
    output_tokens  integer       NOT NULL DEFAULT 0,
    total_cost     numeric(12,6) NOT NULL DEFAULT 0,
    tool_name      varchar(200),
    finish_reason  varchar(50),
    error          text,
    metadata       jsonb         NOT NULL DEFAULT '{}',
    team_id        uuid,
    created_at     timestamptz   NOT NULL DEFAULT now(),

    CONSTRAINT spans_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT spans_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT spans_trace_fk FOREIGN KEY (tenant_id, trace_id)
        REFERENCES goclaw.traces (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT spans_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT spans_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE SET NULL (team_id),
    CONSTRAINT spans_span_type_ck CHECK (span_type <> ''),
    CONSTRAINT spans_status_ck CHECK (status IN ('running', 'ok', 'error')),
    CONSTRAINT spans_duration_ms_ck CHECK (duration_ms >= 0),
    CONSTRAINT spans_tokens_ck CHECK (input_tokens >= 0 AND output_tokens >= 0),
    CONSTRAINT spans_total_cost_ck
        CHECK (total_cost >= 0 AND total_cost < 'NaN'),
    CONSTRAINT spans_parent_ck CHECK (parent_span_id <> id)
);

-- Stated: the spans of a trace, of one kind. Serves the reference.
CREATE INDEX spans_trace_type_ix ON goclaw.spans (tenant_id, trace_id, span_type);

-- Stated: what failed.
CREATE INDEX spans_status_ix ON goclaw.spans (tenant_id, status) WHERE status = 'error';

-- Stated: the spans of a team. Serves the reference.
CREATE INDEX spans_team_id_ix ON goclaw.spans (tenant_id, team_id) WHERE team_id IS NOT NULL;

-- Stated: calls of models with a certain fact. Not for whoever is under row security: @> is not
-- leakproof, so the rows of the tenant are found first and their facts compared then.
CREATE INDEX spans_metadata_ix ON goclaw.spans USING gin (metadata) WHERE span_type = 'llm_call';

-- Serves the reference.
CREATE INDEX spans_agent_id_ix ON goclaw.spans (tenant_id, agent_id) WHERE agent_id IS NOT NULL;

-- The spans of an hour, for snapshot_usage().
CREATE INDEX spans_start_time_ix ON goclaw.spans (tenant_id, start_time);

COMMENT ON TABLE goclaw.spans IS
    'One step of a trace: a call of a model or of a tool, or an agent at work.';
COMMENT ON COLUMN goclaw.spans.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.spans.id IS 'The span.';
COMMENT ON COLUMN goclaw.spans.trace_id IS 'The trace.';
COMMENT ON COLUMN goclaw.spans.parent_span_id IS
    'The span around it, which may be written later. NULL means none.';
COMMENT ON COLUMN goclaw.spans.agent_id IS 'The agent. NULL means that of the trace.';
COMMENT ON COLUMN goclaw.spans.span_type IS 'llm or llm_call, tool or tool_call, or agent.';
COMMENT ON COLUMN goclaw.spans.name IS 'For people.';
COMMENT ON COLUMN goclaw.spans.status IS
    'running, ok or error. NULL means that the gateway did not say.';
COMMENT ON COLUMN goclaw.spans.start_time IS 'When it began.';
COMMENT ON COLUMN goclaw.spans.end_time IS 'When it ended.';
COMMENT ON COLUMN goclaw.spans.duration_ms IS 'How long it took, in milliseconds.';
COMMENT ON COLUMN goclaw.spans.model IS 'The model.';
COMMENT ON COLUMN goclaw.spans.provider IS 'Its provider.';
COMMENT ON COLUMN goclaw.spans.input_tokens IS 'Tokens given to the model.';
COMMENT ON COLUMN goclaw.spans.output_tokens IS 'Tokens received from it.';
COMMENT ON COLUMN goclaw.spans.total_cost IS 'Estimated cost in US dollars.';
COMMENT ON COLUMN goclaw.spans.tool_name IS 'The tool.';
COMMENT ON COLUMN goclaw.spans.finish_reason IS 'Why the model ended.';
COMMENT ON COLUMN goclaw.spans.error IS 'What went wrong.';
COMMENT ON COLUMN goclaw.spans.metadata IS
    'Further facts, among them the numbers cache_read_tokens, cache_create_tokens and '
    'thinking_tokens.';
COMMENT ON COLUMN goclaw.spans.team_id IS 'The team for which it ran. NULL means none.';
COMMENT ON COLUMN goclaw.spans.created_at IS 'When the row was made.';

ALTER TABLE goclaw.spans ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.spans FORCE ROW LEVEL SECURITY;

CREATE POLICY spans_tenant ON goclaw.spans
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY spans_tenant_guard ON goclaw.spans AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.spans TO muniment_app;
GRANT UPDATE (
    trace_id, parent_span_id, agent_id, span_type, name, status, start_time, end_time,
    duration_ms, model, provider, input_tokens, output_tokens, total_cost, tool_name,
    finish_reason, error, metadata, team_id
) ON goclaw.spans TO muniment_app;
GRANT SELECT ON goclaw.spans TO muniment_reader;

COMMIT;

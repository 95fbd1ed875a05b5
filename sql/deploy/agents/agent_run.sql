-- Deploy agents:agent_run to pg
-- requires: agent_run_key
-- requires: chat_session
--
-- One row a run, in the partition of the month it started in. The key of agent_run_key makes that
-- one row: no second one for a run_id, and no other started_at than the key's.
-- Locks: ACCESS EXCLUSIVE on agent_run_key, SHARE ROW EXCLUSIVE on chat_session.
-- Docs: docs/schema/agents.md#agent-run

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agents.agent_run (
    firm_id             uuid        NOT NULL,
    run_id              uuid        NOT NULL,
    started_at          timestamptz NOT NULL,
    session_id          uuid,
    parent_run_id       uuid,
    root_run_id         uuid        NOT NULL,
    depth               smallint    NOT NULL DEFAULT 0,
    operation           text        NOT NULL DEFAULT 'invoke_agent',
    agent_name          text        NOT NULL,
    agent_version       text,
    prompt_name         text,
    prompt_version      text,
    subject_type        text,
    subject_id          text,
    actor_type          text,
    actor_id            text,
    provider_name       text,
    request_model       text,
    response_model      text,
    status              text        NOT NULL DEFAULT 'queued',
    attempt_no          integer     NOT NULL DEFAULT 1,
    worker_id           text,
    heartbeat_at        timestamptz,
    lease_expires_at    timestamptz,
    cancel_requested_at timestamptz,
    ended_at            timestamptz,
    finish_reason       text,
    error_type          text,
    error_message       text,
    is_error_retryable  boolean,
    input_tokens        bigint,
    output_tokens       bigint,
    cache_read_tokens   bigint,
    cache_write_tokens  bigint,
    reasoning_tokens    bigint,
    cost_usd            numeric(18,9),
    price_ref           text,
    first_token_ms      integer,
    trace_id            text,
    span_id             text,
    metadata            jsonb       NOT NULL DEFAULT '{}',

    CONSTRAINT agent_run_pk PRIMARY KEY (firm_id, run_id, started_at),
    CONSTRAINT agent_run_key_fk FOREIGN KEY (firm_id, run_id, started_at)
        REFERENCES agents.agent_run_key (firm_id, run_id, started_at) ON DELETE RESTRICT,
    CONSTRAINT agent_run_session_fk FOREIGN KEY (firm_id, session_id)
        REFERENCES agents.chat_session (firm_id, session_id) ON DELETE RESTRICT,
    CONSTRAINT agent_run_parent_fk FOREIGN KEY (firm_id, parent_run_id)
        REFERENCES agents.agent_run_key (firm_id, run_id) ON DELETE RESTRICT,
    CONSTRAINT agent_run_root_fk FOREIGN KEY (firm_id, root_run_id)
        REFERENCES agents.agent_run_key (firm_id, run_id) ON DELETE RESTRICT,

    CONSTRAINT agent_run_place_in_tree_ck
        CHECK (
            CASE
                WHEN parent_run_id IS NULL THEN root_run_id = run_id AND depth = 0
                ELSE root_run_id <> run_id AND parent_run_id <> run_id AND depth BETWEEN 1 AND 32
            END
        ),
    CONSTRAINT agent_run_operation_ck
        CHECK (operation IN ('invoke_agent', 'invoke_workflow', 'chat')),
    CONSTRAINT agent_run_agent_name_ck CHECK (char_length(agent_name) BETWEEN 1 AND 200),
    CONSTRAINT agent_run_subject_ck
        CHECK (
            num_nulls(subject_type, subject_id) IN (0, 2)
            AND subject_type ~ '^[a-z][a-z0-9_]{0,62}$'
            AND char_length(subject_id) BETWEEN 1 AND 200
        ),
    CONSTRAINT agent_run_actor_ck
        CHECK (
            num_nulls(actor_type, actor_id) IN (0, 2)
            AND actor_type IN ('user', 'service', 'schedule', 'agent')
            AND char_length(actor_id) BETWEEN 1 AND 200
        ),
    CONSTRAINT agent_run_status_ck
        CHECK (status IN (
            'queued', 'running', 'waiting_approval', 'succeeded', 'failed', 'cancelled',
            'timed_out', 'abandoned'
        )),
    CONSTRAINT agent_run_attempt_no_ck CHECK (attempt_no >= 1),
    -- A run that stops beating is seen only if its lease began together with it.
    CONSTRAINT agent_run_running_has_lease_ck
        CHECK (status <> 'running' OR num_nulls(worker_id, heartbeat_at, lease_expires_at) = 0),
    CONSTRAINT agent_run_ended_when_terminal_ck
        CHECK ((status IN ('queued', 'running', 'waiting_approval')) = (ended_at IS NULL)),
    CONSTRAINT agent_run_ended_after_started_ck CHECK (ended_at >= started_at),
    CONSTRAINT agent_run_failed_has_error_ck
        CHECK (status <> 'failed' OR error_type IS NOT NULL),
    CONSTRAINT agent_run_error_message_ck CHECK (octet_length(error_message) <= 2048),
    CONSTRAINT agent_run_tokens_ck
        CHECK (
            input_tokens >= 0 AND output_tokens >= 0 AND cache_read_tokens >= 0
            AND cache_write_tokens >= 0 AND reasoning_tokens >= 0
        ),
    -- OpenTelemetry: input includes what the cache read and wrote, output includes reasoning.
    CONSTRAINT agent_run_input_includes_cache_ck
        CHECK (
            coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)
            <= coalesce(input_tokens, 0)
        ),
    CONSTRAINT agent_run_output_includes_reasoning_ck
        CHECK (coalesce(reasoning_tokens, 0) <= coalesce(output_tokens, 0)),
    CONSTRAINT agent_run_cost_usd_ck CHECK (cost_usd >= 0 AND cost_usd <> 'NaN'),
    CONSTRAINT agent_run_first_token_ms_ck CHECK (first_token_ms >= 0),
    CONSTRAINT agent_run_trace_id_ck CHECK (trace_id ~ '^[0-9a-f]{32}$'),
    CONSTRAINT agent_run_span_id_ck CHECK (span_id ~ '^[0-9a-f]{16}$'),
    CONSTRAINT agent_run_times_are_finite_ck
        CHECK (
            isfinite(started_at) AND isfinite(ended_at) AND isfinite(heartbeat_at)
            AND isfinite(lease_expires_at) AND isfinite(cancel_requested_at)
        ),
    CONSTRAINT agent_run_metadata_ck
        CHECK (jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 8192)
) PARTITION BY RANGE (started_at);

-- The key and the run stand or fall together: when a statement ends, a key that is not archived
-- must have its run, so one statement writes both. Whoever loads them one after the other defers
-- it, to commit at the latest. Archiving a month empties live_started_at and so lets the partition
-- go.
-- Row security is lifted for the statement, because it reads every key, whatever the tenant.
ALTER TABLE agents.agent_run_key NO FORCE ROW LEVEL SECURITY;
ALTER TABLE agents.agent_run_key
    -- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid
    ADD CONSTRAINT agent_run_key_run_fk FOREIGN KEY (firm_id, run_id, live_started_at)
        REFERENCES agents.agent_run (firm_id, run_id, started_at)
        ON DELETE NO ACTION DEFERRABLE;
ALTER TABLE agents.agent_run_key FORCE ROW LEVEL SECURITY;

-- Heartbeats update a row again and again; room on the page keeps them off the indexes.
CREATE TABLE agents.agent_run_p202605 PARTITION OF agents.agent_run
    FOR VALUES FROM ('2026-05-01 00:00:00+00') TO ('2026-06-01 00:00:00+00')
    WITH (fillfactor = 80);
CREATE TABLE agents.agent_run_p202606 PARTITION OF agents.agent_run
    FOR VALUES FROM ('2026-06-01 00:00:00+00') TO ('2026-07-01 00:00:00+00')
    WITH (fillfactor = 80);
CREATE TABLE agents.agent_run_p202607 PARTITION OF agents.agent_run
    FOR VALUES FROM ('2026-07-01 00:00:00+00') TO ('2026-08-01 00:00:00+00')
    WITH (fillfactor = 80);

-- The list of a firm's runs, newest first.
CREATE INDEX agent_run_started_at_ix ON agents.agent_run (firm_id, started_at DESC);

CREATE INDEX agent_run_session_ix ON agents.agent_run (firm_id, session_id, started_at)
    WHERE session_id IS NOT NULL;

CREATE INDEX agent_run_parent_ix ON agents.agent_run (firm_id, parent_run_id)
    WHERE parent_run_id IS NOT NULL;

-- The tree below a root; the root itself is found by its key.
CREATE INDEX agent_run_root_ix ON agents.agent_run (firm_id, root_run_id)
    WHERE parent_run_id IS NOT NULL;

-- The runs about one matter.
CREATE INDEX agent_run_subject_ix
    ON agents.agent_run (firm_id, subject_type, subject_id, started_at DESC)
    WHERE subject_id IS NOT NULL;

-- Open runs and those that went wrong: few among many, and the ones that are looked for.
-- heartbeat_at and lease_expires_at stay out of every index, so that a beat changes none.
CREATE INDEX agent_run_attention_ix ON agents.agent_run (firm_id, status, started_at)
    WHERE status IN
        ('queued', 'running', 'waiting_approval', 'failed', 'timed_out', 'abandoned');

-- The runs that are under way in all firms, for whoever looks for dead workers.
CREATE INDEX agent_run_running_ix ON agents.agent_run (started_at) WHERE status = 'running';

CREATE INDEX agent_run_trace_ix ON agents.agent_run (firm_id, trace_id)
    WHERE trace_id IS NOT NULL;

COMMENT ON TABLE agents.agent_run IS
    'One run of an agent, partitioned by month of started_at. Refer to a run by agent_run_key.';
COMMENT ON COLUMN agents.agent_run.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.agent_run.run_id IS 'The id that agent_run_key gave.';
COMMENT ON COLUMN agents.agent_run.started_at IS
    'When the run started, or was queued if it has not run yet; names the partition and never '
    'changes.';
COMMENT ON COLUMN agents.agent_run.session_id IS
    'The conversation it belongs to (gen_ai.conversation.id). NULL outside of one.';
COMMENT ON COLUMN agents.agent_run.parent_run_id IS 'The run that started this one as a subagent.';
COMMENT ON COLUMN agents.agent_run.root_run_id IS
    'The run at the top of the tree; a run without parent is its own root.';
COMMENT ON COLUMN agents.agent_run.depth IS '0 at the root; at most 32, so recursion is seen.';
COMMENT ON COLUMN agents.agent_run.operation IS
    'gen_ai.operation.name: invoke_agent, invoke_workflow or chat.';
COMMENT ON COLUMN agents.agent_run.agent_name IS 'gen_ai.agent.name.';
COMMENT ON COLUMN agents.agent_run.agent_version IS 'gen_ai.agent.version.';
COMMENT ON COLUMN agents.agent_run.prompt_name IS 'gen_ai.prompt.name.';
COMMENT ON COLUMN agents.agent_run.prompt_version IS
    'Version of the prompt, as its own store names it.';
COMMENT ON COLUMN agents.agent_run.subject_type IS
    'What kind of thing the run is about, for example matter.';
COMMENT ON COLUMN agents.agent_run.subject_id IS 'Which one, as its own system names it.';
COMMENT ON COLUMN agents.agent_run.actor_type IS
    'Who asked: user, service, schedule or agent. NULL when not known, as in an import.';
COMMENT ON COLUMN agents.agent_run.actor_id IS 'Which one, as its own system names it.';
COMMENT ON COLUMN agents.agent_run.provider_name IS 'gen_ai.provider.name.';
COMMENT ON COLUMN agents.agent_run.request_model IS 'gen_ai.request.model: what was asked for.';
COMMENT ON COLUMN agents.agent_run.response_model IS 'gen_ai.response.model: what answered.';
COMMENT ON COLUMN agents.agent_run.status IS
    'queued, running, waiting_approval; then succeeded, failed, cancelled, timed_out or abandoned.';
COMMENT ON COLUMN agents.agent_run.attempt_no IS
    'Counts the workers that took the run; a lower one may no longer write.';
COMMENT ON COLUMN agents.agent_run.worker_id IS 'Who holds the lease.';
COMMENT ON COLUMN agents.agent_run.heartbeat_at IS 'When the worker last said that it lives.';
COMMENT ON COLUMN agents.agent_run.lease_expires_at IS
    'After this the run counts as abandoned unless the worker beats.';
COMMENT ON COLUMN agents.agent_run.cancel_requested_at IS 'When someone asked to stop it.';
COMMENT ON COLUMN agents.agent_run.ended_at IS 'When it ended. NULL while it is open.';
COMMENT ON COLUMN agents.agent_run.finish_reason IS
    'The last of gen_ai.response.finish_reasons.';
COMMENT ON COLUMN agents.agent_run.error_type IS 'error.type: a word to count by, not a message.';
COMMENT ON COLUMN agents.agent_run.error_message IS 'What happened, at most 2,048 bytes.';
COMMENT ON COLUMN agents.agent_run.is_error_retryable IS
    'Whether trying again may help. NULL when not known.';
COMMENT ON COLUMN agents.agent_run.input_tokens IS
    'gen_ai.usage.input_tokens, cache included. NULL when not reported, which is not 0.';
COMMENT ON COLUMN agents.agent_run.output_tokens IS
    'gen_ai.usage.output_tokens, reasoning included. NULL when not reported.';
COMMENT ON COLUMN agents.agent_run.cache_read_tokens IS
    'gen_ai.usage.cache_read.input_tokens: part of input_tokens.';
COMMENT ON COLUMN agents.agent_run.cache_write_tokens IS
    'gen_ai.usage.cache_creation.input_tokens: part of input_tokens.';
COMMENT ON COLUMN agents.agent_run.reasoning_tokens IS
    'gen_ai.usage.reasoning.output_tokens: part of output_tokens.';
COMMENT ON COLUMN agents.agent_run.cost_usd IS
    'Exact price in US dollars. NULL when not priced, which is not free.';
COMMENT ON COLUMN agents.agent_run.price_ref IS 'Which price list cost_usd comes from.';
COMMENT ON COLUMN agents.agent_run.first_token_ms IS
    'gen_ai.response.time_to_first_chunk, in milliseconds.';
COMMENT ON COLUMN agents.agent_run.trace_id IS 'W3C trace id: 32 hex digits.';
COMMENT ON COLUMN agents.agent_run.span_id IS 'W3C span id: 16 hex digits.';
COMMENT ON COLUMN agents.agent_run.metadata IS
    'Small facts of the caller, at most 8 KiB of JSON.';

CREATE TRIGGER agent_run_forbid_delete_tg
    BEFORE DELETE ON agents.agent_run
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER agent_run_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.agent_run
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.agent_run ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.agent_run FORCE ROW LEVEL SECURITY;

-- The owner is named too: under FORCE it would silently see nothing; this way it gets 42501.
CREATE POLICY agent_run_tenant ON agents.agent_run
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_run_tenant_guard ON agents.agent_run AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
-- The backend ends the runs of dead workers and redacts, for all firms.
CREATE POLICY agent_run_service ON agents.agent_run
    TO muniment_service
    USING (true)
    WITH CHECK (true);

-- A partition is born without row security. Nobody is granted one; forcing it and naming the
-- owner means that a stray grant or an owner at a prompt still gets nothing. Nor does it inherit
-- the parent's trigger on TRUNCATE, as it does the one on DELETE.
ALTER TABLE agents.agent_run_p202605 ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.agent_run_p202605 FORCE ROW LEVEL SECURITY;
CREATE POLICY agent_run_p202605_owner ON agents.agent_run_p202605
    TO muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE TRIGGER agent_run_p202605_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.agent_run_p202605
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.agent_run_p202606 ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.agent_run_p202606 FORCE ROW LEVEL SECURITY;
CREATE POLICY agent_run_p202606_owner ON agents.agent_run_p202606
    TO muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE TRIGGER agent_run_p202606_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.agent_run_p202606
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.agent_run_p202607 ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.agent_run_p202607 FORCE ROW LEVEL SECURITY;
CREATE POLICY agent_run_p202607_owner ON agents.agent_run_p202607
    TO muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE TRIGGER agent_run_p202607_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.agent_run_p202607
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

GRANT SELECT, INSERT ON agents.agent_run TO muniment_app;
GRANT SELECT ON agents.agent_run TO muniment_reader, muniment_service;
-- What becomes of a run, never what it was asked to do; guard_agent_run says in which order.
GRANT UPDATE (
    response_model, status, attempt_no, worker_id, heartbeat_at, lease_expires_at,
    cancel_requested_at, ended_at, finish_reason, error_type, error_message, is_error_retryable,
    input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd,
    price_ref, first_token_ms
) ON agents.agent_run TO muniment_app;
GRANT UPDATE (status, ended_at, error_type, error_message, is_error_retryable)
    ON agents.agent_run TO muniment_service;

COMMIT;

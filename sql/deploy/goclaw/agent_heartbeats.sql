-- Deploy goclaw:agent_heartbeats to pg
-- requires: agents
-- requires: llm_providers
--
-- When an agent looks by itself whether there is something to do. The clock time of the active
-- hours and the zone are held to forms that are always understood: the backend reads those of all
-- tenants, and one bad value would stop it for everybody. The state (last_*, the counts) is the
-- backend's: runtimes have no right to write it.
-- Locks: SHARE ROW EXCLUSIVE on agents, llm_providers, tenants.
-- Docs: docs/schema/goclaw.md#agent-heartbeats

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.agent_heartbeats (
    tenant_id          uuid         NOT NULL DEFAULT platform.current_tenant_id(),
    id                 uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id           uuid         NOT NULL,
    enabled            boolean      NOT NULL DEFAULT false,
    interval_sec       integer      NOT NULL DEFAULT 1800,
    prompt             text,
    provider_id        uuid,
    model              varchar(200),
    isolated_session   boolean      NOT NULL DEFAULT true,
    light_context      boolean      NOT NULL DEFAULT false,
    ack_max_chars      integer      NOT NULL DEFAULT 300,
    max_retries        integer      NOT NULL DEFAULT 2,
    active_hours_start varchar(5),
    active_hours_end   varchar(5),
    timezone           text,
    channel            varchar(50),
    chat_id            text,
    next_run_at        timestamptz,
    last_run_at        timestamptz,
    last_status        varchar(20),
    last_error         text,
    run_count          integer      NOT NULL DEFAULT 0,
    suppress_count     integer      NOT NULL DEFAULT 0,
    metadata           jsonb        NOT NULL DEFAULT '{}',
    created_at         timestamptz  NOT NULL DEFAULT now(),
    updated_at         timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT agent_heartbeats_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT agent_heartbeats_agent_id_uq UNIQUE (tenant_id, agent_id),
    CONSTRAINT agent_heartbeats_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT agent_heartbeats_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_heartbeats_provider_fk FOREIGN KEY (tenant_id, provider_id)
        REFERENCES goclaw.llm_providers (tenant_id, id) ON DELETE SET NULL (provider_id),
    CONSTRAINT agent_heartbeats_interval_sec_ck CHECK (interval_sec > 0),
    CONSTRAINT agent_heartbeats_limits_ck CHECK (ack_max_chars >= 0 AND max_retries >= 0),
    CONSTRAINT agent_heartbeats_active_hours_ck CHECK (
        num_nulls(active_hours_start, active_hours_end) <> 1
        AND active_hours_start ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'
        AND active_hours_end ~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$'
        AND active_hours_start <> active_hours_end
    ),
    -- An unknown zone raises 22023. Abbreviations are out: what they mean is up to each session.
    -- So are figures: PostgreSQL takes any word with a number behind it for a zone.
    CONSTRAINT agent_heartbeats_timezone_ck CHECK (
        timezone = 'UTC'
        OR timezone ~ '^Etc/GMT([+-]?0|[+]([1-9]|1[0-2])|-([1-9]|1[0-4]))$'
        OR timezone ~ '^[A-Z][A-Za-z_]+(/[A-Za-z_-]+)+$'
        AND (to_timestamp(0) AT TIME ZONE timezone) IS NOT NULL
    ),
    CONSTRAINT agent_heartbeats_last_status_ck
        CHECK (last_status IN ('ok', 'error', 'skipped', 'running')),
    -- A claim lapses by its time, so there is none without.
    CONSTRAINT agent_heartbeats_running_ck
        CHECK (last_status <> 'running' OR last_run_at IS NOT NULL),
    CONSTRAINT agent_heartbeats_counts_ck CHECK (run_count >= 0 AND suppress_count >= 0)
);

-- Stated: what is due, of all tenants, which is why the tenant is not in it.
CREATE INDEX agent_heartbeats_due_ix
    ON goclaw.agent_heartbeats (next_run_at) WHERE enabled AND next_run_at IS NOT NULL;

-- Serves the reference.
CREATE INDEX agent_heartbeats_provider_id_ix
    ON goclaw.agent_heartbeats (tenant_id, provider_id) WHERE provider_id IS NOT NULL;

COMMENT ON TABLE goclaw.agent_heartbeats IS 'When and how an agent checks in by itself.';
COMMENT ON COLUMN goclaw.agent_heartbeats.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.agent_heartbeats.id IS 'The heartbeat.';
COMMENT ON COLUMN goclaw.agent_heartbeats.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.agent_heartbeats.enabled IS 'Whether it beats.';
COMMENT ON COLUMN goclaw.agent_heartbeats.interval_sec IS
    'Seconds from the end of one run to the next.';
COMMENT ON COLUMN goclaw.agent_heartbeats.prompt IS 'What the agent is told.';
COMMENT ON COLUMN goclaw.agent_heartbeats.provider_id IS
    'The provider to use. NULL means that of the agent.';
COMMENT ON COLUMN goclaw.agent_heartbeats.model IS
    'The model to use. NULL means that of the agent.';
COMMENT ON COLUMN goclaw.agent_heartbeats.isolated_session IS
    'Whether it has a session of its own.';
COMMENT ON COLUMN goclaw.agent_heartbeats.light_context IS
    'Whether the agent gets little to read first.';
COMMENT ON COLUMN goclaw.agent_heartbeats.ack_max_chars IS
    'How long an answer that only acknowledges may be, in characters.';
COMMENT ON COLUMN goclaw.agent_heartbeats.max_retries IS
    'How often a run that failed is tried again.';
COMMENT ON COLUMN goclaw.agent_heartbeats.active_hours_start IS
    'Clock time from which it beats, HH:MM. NULL means all day.';
COMMENT ON COLUMN goclaw.agent_heartbeats.active_hours_end IS
    'Clock time from which it does not, HH:MM, up to 24:00. NULL means all day.';
COMMENT ON COLUMN goclaw.agent_heartbeats.timezone IS
    'Time zone of these hours, as Area/City. NULL means UTC.';
COMMENT ON COLUMN goclaw.agent_heartbeats.channel IS 'Where the answer is sent.';
COMMENT ON COLUMN goclaw.agent_heartbeats.chat_id IS 'Which chat there.';
COMMENT ON COLUMN goclaw.agent_heartbeats.next_run_at IS
    'When it is due. While it runs: when it was. NULL means never.';
COMMENT ON COLUMN goclaw.agent_heartbeats.last_run_at IS
    'When it was last claimed. Names the claim.';
COMMENT ON COLUMN goclaw.agent_heartbeats.last_status IS
    'running while claimed, then ok, error or skipped.';
COMMENT ON COLUMN goclaw.agent_heartbeats.last_error IS
    'What went wrong at last. NULL after a run that succeeded.';
COMMENT ON COLUMN goclaw.agent_heartbeats.run_count IS
    'Runs so far, whether they succeeded or not.';
COMMENT ON COLUMN goclaw.agent_heartbeats.suppress_count IS 'Runs so far that were skipped.';
COMMENT ON COLUMN goclaw.agent_heartbeats.metadata IS 'Further facts.';
COMMENT ON COLUMN goclaw.agent_heartbeats.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.agent_heartbeats.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER agent_heartbeats_set_updated_at_tg
    BEFORE UPDATE ON goclaw.agent_heartbeats
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.agent_heartbeats ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.agent_heartbeats FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_heartbeats_tenant ON goclaw.agent_heartbeats
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_heartbeats_tenant_guard ON goclaw.agent_heartbeats AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- The backend claims due heartbeats of all tenants.
CREATE POLICY agent_heartbeats_service ON goclaw.agent_heartbeats
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, DELETE ON goclaw.agent_heartbeats TO muniment_app;
GRANT INSERT (
    tenant_id, id, agent_id, enabled, interval_sec, prompt, provider_id, model, isolated_session,
    light_context, ack_max_chars, max_retries, active_hours_start, active_hours_end, timezone,
    channel, chat_id, next_run_at, metadata, created_at, updated_at
) ON goclaw.agent_heartbeats TO muniment_app;
GRANT UPDATE (
    enabled, interval_sec, prompt, provider_id, model, isolated_session,
    light_context, ack_max_chars, max_retries, active_hours_start, active_hours_end, timezone,
    channel, chat_id, next_run_at, metadata, updated_at
) ON goclaw.agent_heartbeats TO muniment_app;
GRANT SELECT ON goclaw.agent_heartbeats TO muniment_reader;
GRANT SELECT ON goclaw.agent_heartbeats TO muniment_service;
GRANT UPDATE (
    next_run_at, last_run_at, last_status, last_error, run_count, suppress_count
) ON goclaw.agent_heartbeats TO muniment_service;

CREATE TABLE goclaw.heartbeat_run_logs (
    tenant_id     uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id            uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    heartbeat_id  uuid        NOT NULL,
    agent_id      uuid        NOT NULL,
    status        varchar(20) NOT NULL,
    summary       text,
    error         text,
    duration_ms   integer,
    input_tokens  integer     NOT NULL DEFAULT 0,
    output_tokens integer     NOT NULL DEFAULT 0,
    skip_reason   varchar(50),
    metadata      jsonb       NOT NULL DEFAULT '{}',
    ran_at        timestamptz NOT NULL DEFAULT now(),
    created_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT heartbeat_run_logs_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT heartbeat_run_logs_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    -- The agent before the heartbeat: references are locked in this order, which is that of a
    -- deletion.
    CONSTRAINT heartbeat_run_logs_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT heartbeat_run_logs_heartbeat_fk FOREIGN KEY (tenant_id, heartbeat_id)
        REFERENCES goclaw.agent_heartbeats (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT heartbeat_run_logs_status_ck CHECK (status IN ('ok', 'error', 'skipped')),
    CONSTRAINT heartbeat_run_logs_usage_ck
        CHECK (input_tokens >= 0 AND output_tokens >= 0 AND duration_ms >= 0)
);

-- Stated: the runs of a heartbeat, newest first. Serves the reference.
CREATE INDEX heartbeat_run_logs_heartbeat_id_ix
    ON goclaw.heartbeat_run_logs (tenant_id, heartbeat_id, ran_at DESC);

-- Stated: the runs of an agent, newest first. Serves the reference.
CREATE INDEX heartbeat_run_logs_agent_id_ix
    ON goclaw.heartbeat_run_logs (tenant_id, agent_id, ran_at DESC);

COMMENT ON TABLE goclaw.heartbeat_run_logs IS 'A run of a heartbeat. Append-only.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.id IS 'The run.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.heartbeat_id IS 'The heartbeat.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.agent_id IS 'The agent that ran.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.status IS 'ok, error or skipped.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.summary IS 'What came of it, in short.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.error IS 'What went wrong.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.duration_ms IS 'How long it took, in milliseconds.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.input_tokens IS 'Tokens given to models.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.output_tokens IS 'Tokens received from models.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.skip_reason IS 'Why it was skipped.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.metadata IS 'Further facts.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.ran_at IS 'When it began.';
COMMENT ON COLUMN goclaw.heartbeat_run_logs.created_at IS 'When the row was made.';

CREATE TRIGGER heartbeat_run_logs_forbid_update_tg
    BEFORE UPDATE ON goclaw.heartbeat_run_logs
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER heartbeat_run_logs_forbid_truncate_tg
    BEFORE TRUNCATE ON goclaw.heartbeat_run_logs
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE goclaw.heartbeat_run_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.heartbeat_run_logs FORCE ROW LEVEL SECURITY;

CREATE POLICY heartbeat_run_logs_tenant ON goclaw.heartbeat_run_logs
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY heartbeat_run_logs_tenant_guard ON goclaw.heartbeat_run_logs AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- The backend logs the runs of all tenants.
CREATE POLICY heartbeat_run_logs_service ON goclaw.heartbeat_run_logs
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT ON goclaw.heartbeat_run_logs TO muniment_app;
GRANT SELECT ON goclaw.heartbeat_run_logs TO muniment_reader;
GRANT INSERT ON goclaw.heartbeat_run_logs TO muniment_service;

COMMIT;

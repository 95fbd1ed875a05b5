-- Deploy goclaw:cron_jobs to pg
-- requires: agent_teams
--
-- Work that agents do by the clock, and what came of it. The state of a job (last_run_at,
-- last_status, last_error) is the backend's, which claims and finishes jobs: runtimes have no right
-- to write it, so nobody makes a job run twice by an edit. A job that is deleted and written again
-- under its id is a new one, and its agent is not exchanged: a log says which agent ran.
-- Locks: SHARE ROW EXCLUSIVE on agent_teams, agents, tenants.
-- Docs: docs/schema/goclaw.md#cron-jobs

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.cron_jobs (
    tenant_id        uuid         NOT NULL,
    id               uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id         uuid         NOT NULL,
    user_id          text,
    name             varchar(255) NOT NULL,
    enabled          boolean      NOT NULL DEFAULT true,
    schedule_kind    varchar(10)  NOT NULL,
    cron_expression  varchar(100),
    interval_ms      bigint,
    run_at           timestamptz,
    timezone         varchar(50),
    payload          jsonb,
    delete_after_run boolean      NOT NULL DEFAULT false,
    stateless        boolean      NOT NULL DEFAULT false,
    deliver          boolean      NOT NULL DEFAULT false,
    deliver_channel  text,
    deliver_to       text,
    wake_heartbeat   boolean      NOT NULL DEFAULT false,
    next_run_at      timestamptz,
    last_run_at      timestamptz,
    last_status      varchar(20),
    last_error       text,
    team_id          uuid,
    created_at       timestamptz  NOT NULL DEFAULT now(),
    updated_at       timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT cron_jobs_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT cron_jobs_agent_name_uq UNIQUE (tenant_id, agent_id, name),
    CONSTRAINT cron_jobs_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT cron_jobs_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT cron_jobs_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE SET NULL (team_id),
    CONSTRAINT cron_jobs_schedule_kind_ck CHECK (schedule_kind IN ('at', 'every', 'cron')),
    CONSTRAINT cron_jobs_schedule_ck CHECK (
        CASE schedule_kind
            WHEN 'at' THEN run_at IS NOT NULL
            WHEN 'every' THEN interval_ms IS NOT NULL AND interval_ms > 0
            WHEN 'cron' THEN cron_expression IS NOT NULL AND cron_expression <> ''
        END
    ),
    CONSTRAINT cron_jobs_last_status_ck CHECK (last_status IN ('ok', 'error', 'running')),
    -- A claim lapses by its time, so there is none without.
    CONSTRAINT cron_jobs_running_ck CHECK (last_status <> 'running' OR last_run_at IS NOT NULL)
);

-- What is due, of all tenants, which is why the tenant is not in it.
CREATE INDEX cron_jobs_due_ix
    ON goclaw.cron_jobs (next_run_at) WHERE enabled AND next_run_at IS NOT NULL;

-- Serves the reference.
CREATE INDEX cron_jobs_team_id_ix
    ON goclaw.cron_jobs (tenant_id, team_id) WHERE team_id IS NOT NULL;

COMMENT ON TABLE goclaw.cron_jobs IS 'Work that an agent does by the clock.';
COMMENT ON COLUMN goclaw.cron_jobs.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.cron_jobs.id IS 'The job.';
COMMENT ON COLUMN goclaw.cron_jobs.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.cron_jobs.user_id IS 'The user for whom it works.';
COMMENT ON COLUMN goclaw.cron_jobs.name IS 'For people.';
COMMENT ON COLUMN goclaw.cron_jobs.enabled IS 'Whether it runs.';
COMMENT ON COLUMN goclaw.cron_jobs.schedule_kind IS
    'at: once. every: again and again. cron: as an expression says.';
COMMENT ON COLUMN goclaw.cron_jobs.cron_expression IS 'When to run, where the kind is cron.';
COMMENT ON COLUMN goclaw.cron_jobs.interval_ms IS
    'Milliseconds from one run to the next, where the kind is every.';
COMMENT ON COLUMN goclaw.cron_jobs.run_at IS 'When to run, where the kind is at.';
COMMENT ON COLUMN goclaw.cron_jobs.timezone IS
    'Time zone of the expression, as the gateway understands it. NULL leaves it to the gateway.';
COMMENT ON COLUMN goclaw.cron_jobs.payload IS 'What the agent is told.';
COMMENT ON COLUMN goclaw.cron_jobs.delete_after_run IS
    'Whether the job is deleted after the first run that succeeds.';
COMMENT ON COLUMN goclaw.cron_jobs.stateless IS 'Whether it runs without the history of a session.';
COMMENT ON COLUMN goclaw.cron_jobs.deliver IS 'Whether the result is sent to a channel.';
COMMENT ON COLUMN goclaw.cron_jobs.deliver_channel IS 'Which kind of channel.';
COMMENT ON COLUMN goclaw.cron_jobs.deliver_to IS 'Which chat there.';
COMMENT ON COLUMN goclaw.cron_jobs.wake_heartbeat IS
    'Whether the heartbeat of the agent follows each run.';
COMMENT ON COLUMN goclaw.cron_jobs.next_run_at IS
    'When it is due. While it runs: when it was. NULL means never.';
COMMENT ON COLUMN goclaw.cron_jobs.last_run_at IS 'When it was last claimed. Names the claim.';
COMMENT ON COLUMN goclaw.cron_jobs.last_status IS 'running while claimed, then ok or error.';
COMMENT ON COLUMN goclaw.cron_jobs.last_error IS
    'What went wrong at last. NULL after a run that succeeded.';
COMMENT ON COLUMN goclaw.cron_jobs.team_id IS 'The team whose job it is. NULL means none.';
COMMENT ON COLUMN goclaw.cron_jobs.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.cron_jobs.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER cron_jobs_set_updated_at_tg
    BEFORE UPDATE ON goclaw.cron_jobs
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.cron_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.cron_jobs FORCE ROW LEVEL SECURITY;

CREATE POLICY cron_jobs_tenant ON goclaw.cron_jobs
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY cron_jobs_tenant_guard ON goclaw.cron_jobs AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- The backend claims due jobs of all tenants.
CREATE POLICY cron_jobs_service ON goclaw.cron_jobs
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, DELETE ON goclaw.cron_jobs TO muniment_app;
GRANT INSERT (
    tenant_id, id, agent_id, user_id, name, enabled, schedule_kind, cron_expression, interval_ms,
    run_at, timezone, payload, delete_after_run, stateless, deliver, deliver_channel, deliver_to,
    wake_heartbeat, next_run_at, team_id, created_at, updated_at
) ON goclaw.cron_jobs TO muniment_app;
GRANT UPDATE (
    user_id, name, enabled, schedule_kind, cron_expression, interval_ms, run_at,
    timezone, payload, delete_after_run, stateless, deliver, deliver_channel, deliver_to,
    wake_heartbeat, next_run_at, team_id, updated_at
) ON goclaw.cron_jobs TO muniment_app;
GRANT SELECT ON goclaw.cron_jobs TO muniment_reader;
GRANT SELECT, DELETE ON goclaw.cron_jobs TO muniment_service;
GRANT UPDATE (
    next_run_at, last_run_at, last_status, last_error
) ON goclaw.cron_jobs TO muniment_service;

CREATE TABLE goclaw.cron_run_logs (
    tenant_id     uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id            uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    job_id        uuid        NOT NULL,
    agent_id      uuid        NOT NULL,
    status        varchar(20) NOT NULL,
    input_tokens  integer,
    output_tokens integer,
    duration_ms   integer,
    team_id       uuid,
    created_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT cron_run_logs_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT cron_run_logs_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    -- The agent before the job: references are locked in this order, which is that of a deletion.
    CONSTRAINT cron_run_logs_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT cron_run_logs_job_fk FOREIGN KEY (tenant_id, job_id)
        REFERENCES goclaw.cron_jobs (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT cron_run_logs_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE SET NULL (team_id),
    CONSTRAINT cron_run_logs_status_ck CHECK (status IN ('ok', 'error')),
    CONSTRAINT cron_run_logs_usage_ck
        CHECK (input_tokens >= 0 AND output_tokens >= 0 AND duration_ms >= 0)
);

-- The runs of a job, newest first. Serves the reference.
CREATE INDEX cron_run_logs_job_id_ix ON goclaw.cron_run_logs (tenant_id, job_id, created_at DESC);

-- Serves the reference.
CREATE INDEX cron_run_logs_agent_id_ix ON goclaw.cron_run_logs (tenant_id, agent_id);

-- Serves the reference.
CREATE INDEX cron_run_logs_team_id_ix
    ON goclaw.cron_run_logs (tenant_id, team_id) WHERE team_id IS NOT NULL;

COMMENT ON TABLE goclaw.cron_run_logs IS 'A run of a job. Append-only.';
COMMENT ON COLUMN goclaw.cron_run_logs.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.cron_run_logs.id IS 'The run.';
COMMENT ON COLUMN goclaw.cron_run_logs.job_id IS 'The job.';
COMMENT ON COLUMN goclaw.cron_run_logs.agent_id IS 'The agent that ran.';
COMMENT ON COLUMN goclaw.cron_run_logs.status IS 'ok or error.';
COMMENT ON COLUMN goclaw.cron_run_logs.input_tokens IS
    'Tokens given to models. NULL when not known.';
COMMENT ON COLUMN goclaw.cron_run_logs.output_tokens IS
    'Tokens received from models. NULL when not known.';
COMMENT ON COLUMN goclaw.cron_run_logs.duration_ms IS
    'How long it took, in milliseconds. NULL when not known.';
COMMENT ON COLUMN goclaw.cron_run_logs.team_id IS 'The team whose job it was. NULL means none.';
COMMENT ON COLUMN goclaw.cron_run_logs.created_at IS 'When it ended.';

CREATE TRIGGER cron_run_logs_forbid_truncate_tg
    BEFORE TRUNCATE ON goclaw.cron_run_logs
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE goclaw.cron_run_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.cron_run_logs FORCE ROW LEVEL SECURITY;

CREATE POLICY cron_run_logs_tenant ON goclaw.cron_run_logs
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY cron_run_logs_tenant_guard ON goclaw.cron_run_logs AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- The backend logs the runs of all tenants.
CREATE POLICY cron_run_logs_service ON goclaw.cron_run_logs
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT ON goclaw.cron_run_logs TO muniment_app;
GRANT SELECT ON goclaw.cron_run_logs TO muniment_reader;
GRANT INSERT ON goclaw.cron_run_logs TO muniment_service;

COMMIT;

-- Deploy goclaw:subagent_tasks to pg
-- requires: tenants
--
-- What agents had other agents do: kept so that a task survives a restart, and its cost finds who
-- caused it.
-- Locks: SHARE ROW EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#subagent-tasks

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.subagent_tasks (
    tenant_id        uuid         NOT NULL,
    id               uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    parent_agent_key varchar(255) NOT NULL,
    session_key      varchar(500),
    subject          varchar(255) NOT NULL,
    description      text         NOT NULL,
    status           varchar(20)  NOT NULL DEFAULT 'running',
    result           text,
    depth            integer      NOT NULL DEFAULT 1,
    model            varchar(255),
    provider         varchar(255),
    iterations       integer      NOT NULL DEFAULT 0,
    input_tokens     bigint       NOT NULL DEFAULT 0,
    output_tokens    bigint       NOT NULL DEFAULT 0,
    origin_channel   varchar(50),
    origin_chat_id   varchar(255),
    origin_peer_kind varchar(20),
    origin_user_id   varchar(255),
    spawned_by       uuid,
    completed_at     timestamptz,
    archived_at      timestamptz,
    metadata         jsonb        NOT NULL DEFAULT '{}',
    custom_scope     varchar(255),
    created_at       timestamptz  NOT NULL DEFAULT now(),
    updated_at       timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT subagent_tasks_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT subagent_tasks_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT subagent_tasks_spawned_by_fk FOREIGN KEY (tenant_id, spawned_by)
        REFERENCES goclaw.subagent_tasks (tenant_id, id)
        ON DELETE SET NULL (spawned_by),
    CONSTRAINT subagent_tasks_status_ck
        CHECK (status IN ('running', 'completed', 'failed', 'cancelled')),
    CONSTRAINT subagent_tasks_depth_ck CHECK (depth >= 0),
    CONSTRAINT subagent_tasks_usage_ck
        CHECK (iterations >= 0 AND input_tokens >= 0 AND output_tokens >= 0)
);

-- Stated: what an agent has under way.
CREATE INDEX subagent_tasks_parent_status_ix
    ON goclaw.subagent_tasks (tenant_id, parent_agent_key, status);

-- Stated: the tasks of a session.
CREATE INDEX subagent_tasks_session_key_ix
    ON goclaw.subagent_tasks (tenant_id, session_key) WHERE session_key IS NOT NULL;

-- Stated: the latest tasks first.
CREATE INDEX subagent_tasks_created_at_ix ON goclaw.subagent_tasks (tenant_id, created_at DESC);

-- Stated: tasks with a certain fact.
CREATE INDEX subagent_tasks_metadata_ix ON goclaw.subagent_tasks USING gin (metadata);

-- Serves the reference.
CREATE INDEX subagent_tasks_spawned_by_ix
    ON goclaw.subagent_tasks (tenant_id, spawned_by) WHERE spawned_by IS NOT NULL;

-- Stated: what may be archived, of all tenants, which is why the tenant is not in it.
CREATE INDEX subagent_tasks_archive_ix
    ON goclaw.subagent_tasks (status, completed_at)
    WHERE status IN ('completed', 'failed', 'cancelled') AND archived_at IS NULL;

COMMENT ON TABLE goclaw.subagent_tasks IS 'A task that an agent gave to an agent which it started.';
COMMENT ON COLUMN goclaw.subagent_tasks.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.subagent_tasks.id IS 'The task.';
COMMENT ON COLUMN goclaw.subagent_tasks.parent_agent_key IS 'Short name of the agent that gave it.';
COMMENT ON COLUMN goclaw.subagent_tasks.session_key IS 'The session that it belongs to.';
COMMENT ON COLUMN goclaw.subagent_tasks.subject IS 'The task in short.';
COMMENT ON COLUMN goclaw.subagent_tasks.description IS 'The task in full.';
COMMENT ON COLUMN goclaw.subagent_tasks.status IS 'running, completed, failed or cancelled.';
COMMENT ON COLUMN goclaw.subagent_tasks.result IS 'What came of it.';
COMMENT ON COLUMN goclaw.subagent_tasks.depth IS 'How many agents are above this one.';
COMMENT ON COLUMN goclaw.subagent_tasks.model IS 'The model that was used.';
COMMENT ON COLUMN goclaw.subagent_tasks.provider IS 'Its provider.';
COMMENT ON COLUMN goclaw.subagent_tasks.iterations IS 'Rounds of tool calls so far.';
COMMENT ON COLUMN goclaw.subagent_tasks.input_tokens IS 'Tokens given to models so far.';
COMMENT ON COLUMN goclaw.subagent_tasks.output_tokens IS 'Tokens received from models so far.';
COMMENT ON COLUMN goclaw.subagent_tasks.origin_channel IS
    'Channel of the message that started it all.';
COMMENT ON COLUMN goclaw.subagent_tasks.origin_chat_id IS 'Chat of that message.';
COMMENT ON COLUMN goclaw.subagent_tasks.origin_peer_kind IS 'Who wrote it: user, group and so on.';
COMMENT ON COLUMN goclaw.subagent_tasks.origin_user_id IS 'The user who wrote it.';
COMMENT ON COLUMN goclaw.subagent_tasks.spawned_by IS 'The task that this one is a part of.';
COMMENT ON COLUMN goclaw.subagent_tasks.completed_at IS 'When it ended.';
COMMENT ON COLUMN goclaw.subagent_tasks.archived_at IS 'When it was put away.';
COMMENT ON COLUMN goclaw.subagent_tasks.metadata IS 'Further facts about the task.';
COMMENT ON COLUMN goclaw.subagent_tasks.custom_scope IS
    'A scope of the gateway''s own. Not used yet.';
COMMENT ON COLUMN goclaw.subagent_tasks.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.subagent_tasks.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER subagent_tasks_set_updated_at_tg
    BEFORE UPDATE ON goclaw.subagent_tasks
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.subagent_tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.subagent_tasks FORCE ROW LEVEL SECURITY;

CREATE POLICY subagent_tasks_tenant ON goclaw.subagent_tasks
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY subagent_tasks_tenant_guard ON goclaw.subagent_tasks AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- Tasks of all tenants are archived by age.
CREATE POLICY subagent_tasks_service ON goclaw.subagent_tasks
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON goclaw.subagent_tasks TO muniment_app;
GRANT UPDATE (
    parent_agent_key, session_key, subject, description, status, result, depth, model, provider,
    iterations, input_tokens, output_tokens, origin_channel, origin_chat_id, origin_peer_kind,
    origin_user_id, spawned_by, completed_at, archived_at, metadata, custom_scope, updated_at
) ON goclaw.subagent_tasks TO muniment_app;
GRANT SELECT ON goclaw.subagent_tasks TO muniment_reader;
GRANT SELECT (tenant_id, id, status, completed_at, archived_at)
    ON goclaw.subagent_tasks TO muniment_service;
GRANT UPDATE (archived_at) ON goclaw.subagent_tasks TO muniment_service;

COMMIT;

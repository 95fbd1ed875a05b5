-- Deploy agentcore:agent_task to pg
-- requires: conversation
-- requires: platform:forbid_change
--
-- Work that a runtime queues for an adapter, and the steps that were taken. Workers of the backend
-- take the tasks of all departments and say what came of them; a runtime writes the steps. What has
-- ended stays as it is. Keys of three columns see to it that conversation and message belong to the
-- namespace.
-- Locks: SHARE ROW EXCLUSIVE on conversation, message, namespace.
-- Docs: docs/schema/agentcore.md#agent-task

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.agent_task (
    department_id   uuid          NOT NULL DEFAULT platform.current_tenant_id(),
    id              uuid          NOT NULL DEFAULT platform.uuid_generate_v7(),
    namespace_id    uuid          NOT NULL,
    conversation_id uuid,
    message_id      uuid,
    adapter_type    text          NOT NULL,
    status          text          NOT NULL DEFAULT 'queued',
    input_tokens    integer       NOT NULL DEFAULT 0,
    output_tokens   integer       NOT NULL DEFAULT 0,
    cost            numeric(18,9),
    duration_ms     integer,
    metadata        jsonb         NOT NULL DEFAULT '{}',
    started_at      timestamptz,
    completed_at    timestamptz,
    created_at      timestamptz   NOT NULL DEFAULT now(),

    CONSTRAINT agent_task_pk PRIMARY KEY (department_id, id),
    CONSTRAINT agent_task_namespace_fk FOREIGN KEY (department_id, namespace_id)
        REFERENCES agentcore.namespace (department_id, id) ON DELETE RESTRICT,
    CONSTRAINT agent_task_conversation_fk
        FOREIGN KEY (department_id, namespace_id, conversation_id)
        REFERENCES agentcore.conversation (department_id, namespace_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_task_message_fk FOREIGN KEY (department_id, conversation_id, message_id)
        REFERENCES agentcore.message (department_id, conversation_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_task_adapter_type_ck CHECK (adapter_type <> ''),
    CONSTRAINT agent_task_status_ck
        CHECK (status IN ('queued', 'running', 'done', 'failed', 'timeout')),
    CONSTRAINT agent_task_message_ck CHECK (message_id IS NULL OR conversation_id IS NOT NULL),
    CONSTRAINT agent_task_tokens_ck CHECK (input_tokens >= 0 AND output_tokens >= 0),
    CONSTRAINT agent_task_cost_ck CHECK (cost >= 0 AND cost < 'NaN'),
    CONSTRAINT agent_task_metadata_ck CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT agent_task_duration_ms_ck CHECK (duration_ms >= 0),
    CONSTRAINT agent_task_started_at_ck CHECK ((status = 'queued') = (started_at IS NULL)),
    CONSTRAINT agent_task_completed_at_ck
        CHECK ((status IN ('done', 'failed', 'timeout')) = (completed_at IS NOT NULL)),
    CONSTRAINT agent_task_completed_after_started_ck CHECK (completed_at >= started_at)
);

-- The tasks of an assistant, newest first. Serves the reference.
CREATE INDEX agent_task_namespace_id_ix
    ON agentcore.agent_task (department_id, namespace_id, created_at DESC);

-- The tasks of a conversation. Serves both references.
CREATE INDEX agent_task_conversation_id_ix
    ON agentcore.agent_task (department_id, conversation_id, message_id)
    WHERE conversation_id IS NOT NULL;

-- What is to be done, of all departments: asked by workers.
CREATE INDEX agent_task_queued_ix
    ON agentcore.agent_task (adapter_type, created_at) WHERE status = 'queued';

-- What has been running for long, of all departments: asked by the backend.
CREATE INDEX agent_task_running_ix ON agentcore.agent_task (started_at) WHERE status = 'running';

COMMENT ON TABLE agentcore.agent_task IS 'One piece of work for an agent''s adapter.';
COMMENT ON COLUMN agentcore.agent_task.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.agent_task.id IS 'The task.';
COMMENT ON COLUMN agentcore.agent_task.namespace_id IS 'The assistant.';
COMMENT ON COLUMN agentcore.agent_task.conversation_id IS
    'The conversation that it is for. NULL means none.';
COMMENT ON COLUMN agentcore.agent_task.message_id IS
    'The message of it that asked for the work. NULL means none.';
COMMENT ON COLUMN agentcore.agent_task.adapter_type IS 'Which adapter does it.';
COMMENT ON COLUMN agentcore.agent_task.status IS 'queued, running, done, failed or timeout.';
COMMENT ON COLUMN agentcore.agent_task.input_tokens IS 'Tokens given to models.';
COMMENT ON COLUMN agentcore.agent_task.output_tokens IS 'Tokens received from models.';
COMMENT ON COLUMN agentcore.agent_task.cost IS 'In US dollars. NULL means not priced.';
COMMENT ON COLUMN agentcore.agent_task.duration_ms IS
    'From start to end, in milliseconds. NULL until the end.';
COMMENT ON COLUMN agentcore.agent_task.metadata IS 'Further facts, among them the error.';
COMMENT ON COLUMN agentcore.agent_task.started_at IS 'When a worker took it. NULL means not yet.';
COMMENT ON COLUMN agentcore.agent_task.completed_at IS 'When it ended, however it did.';
COMMENT ON COLUMN agentcore.agent_task.created_at IS 'When the row was made.';

CREATE TRIGGER agent_task_forbid_update_tg
    BEFORE UPDATE ON agentcore.agent_task
    FOR EACH ROW WHEN (OLD.completed_at IS NOT NULL)
    EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agentcore.agent_task ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.agent_task FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_task_tenant ON agentcore.agent_task
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_task_tenant_guard ON agentcore.agent_task AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

-- Workers take the tasks of all departments.
CREATE POLICY agent_task_service ON agentcore.agent_task
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT ON agentcore.agent_task TO muniment_app;
GRANT INSERT (
    department_id, id, namespace_id, conversation_id, message_id, adapter_type, metadata
) ON agentcore.agent_task TO muniment_app;
GRANT SELECT ON agentcore.agent_task TO muniment_reader;
GRANT SELECT ON agentcore.agent_task TO muniment_service;
GRANT UPDATE (
    status, input_tokens, output_tokens, cost, duration_ms, metadata, started_at, completed_at
) ON agentcore.agent_task TO muniment_service;

CREATE TABLE agentcore.agent_tool_call (
    department_id uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id            uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_task_id uuid        NOT NULL,
    step_name     text        NOT NULL,
    status        text        NOT NULL DEFAULT 'running',
    input_data    jsonb       NOT NULL DEFAULT '{}',
    output_data   jsonb,
    duration_ms   integer,
    error_message text,
    created_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT agent_tool_call_pk PRIMARY KEY (department_id, id),
    CONSTRAINT agent_tool_call_agent_task_fk FOREIGN KEY (department_id, agent_task_id)
        REFERENCES agentcore.agent_task (department_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_tool_call_step_name_ck CHECK (step_name <> ''),
    CONSTRAINT agent_tool_call_status_ck CHECK (status IN ('running', 'done', 'failed')),
    CONSTRAINT agent_tool_call_duration_ms_ck CHECK (duration_ms >= 0),
    CONSTRAINT agent_tool_call_error_message_ck
        CHECK ((status = 'failed') = (error_message IS NOT NULL))
);

-- The steps of a task, in order. Serves the reference.
CREATE INDEX agent_tool_call_agent_task_id_ix
    ON agentcore.agent_tool_call (department_id, agent_task_id, created_at);

COMMENT ON TABLE agentcore.agent_tool_call IS 'A step of a task.';
COMMENT ON COLUMN agentcore.agent_tool_call.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.agent_tool_call.id IS 'The step.';
COMMENT ON COLUMN agentcore.agent_tool_call.agent_task_id IS 'The task.';
COMMENT ON COLUMN agentcore.agent_tool_call.step_name IS 'What was called.';
COMMENT ON COLUMN agentcore.agent_tool_call.status IS 'running, done or failed.';
COMMENT ON COLUMN agentcore.agent_tool_call.input_data IS 'What it was given.';
COMMENT ON COLUMN agentcore.agent_tool_call.output_data IS 'What it gave back.';
COMMENT ON COLUMN agentcore.agent_tool_call.duration_ms IS 'How long it took, in milliseconds.';
COMMENT ON COLUMN agentcore.agent_tool_call.error_message IS 'Why it failed.';
COMMENT ON COLUMN agentcore.agent_tool_call.created_at IS 'When the row was made.';

CREATE TRIGGER agent_tool_call_forbid_update_tg
    BEFORE UPDATE ON agentcore.agent_tool_call
    FOR EACH ROW WHEN (OLD.status <> 'running')
    EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agentcore.agent_tool_call ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.agent_tool_call FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_tool_call_tenant ON agentcore.agent_tool_call
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_tool_call_tenant_guard ON agentcore.agent_tool_call AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT ON agentcore.agent_tool_call TO muniment_app;
GRANT INSERT (
    department_id, id, agent_task_id, step_name, input_data
) ON agentcore.agent_tool_call TO muniment_app;
GRANT UPDATE (
    status, output_data, duration_ms, error_message
) ON agentcore.agent_tool_call TO muniment_app;
GRANT SELECT ON agentcore.agent_tool_call TO muniment_reader;

COMMIT;

-- Deploy open_agents:workflow_runs to pg
-- requires: chats
-- requires: forbid_open_end
-- requires: platform:forbid_change
--
-- One execution of a workflow for a chat. The source took session and account off this table
-- because they could disagree with the chat's; tenant_id cannot, since it is half of the reference
-- to the chat. The CHECKs hold state and times together, whether a run is recorded as it goes or
-- when it is over; after that it does not change.
-- Locks: SHARE ROW EXCLUSIVE on chats.  Docs: docs/schema/open_agents.md#workflow-runs

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE open_agents.workflow_runs (
    tenant_id         uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id                text        NOT NULL,
    chat_id           text        NOT NULL,
    status            text        NOT NULL DEFAULT 'running',
    started_at        timestamptz NOT NULL DEFAULT now(),
    finished_at       timestamptz,
    total_duration_ms bigint,
    model_id          text,
    created_at        timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT workflow_runs_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT workflow_runs_chat_fk FOREIGN KEY (tenant_id, chat_id)
        REFERENCES open_agents.chats (account_id, id) ON DELETE CASCADE,
    CONSTRAINT workflow_runs_id_ck CHECK (id <> ''),
    CONSTRAINT workflow_runs_status_ck
        CHECK (status IN ('running', 'completed', 'aborted', 'failed')),
    CONSTRAINT workflow_runs_finished_ck CHECK ((status = 'running') = (finished_at IS NULL)),
    CONSTRAINT workflow_runs_times_ck CHECK (
        isfinite(started_at) AND isfinite(finished_at) AND finished_at >= started_at
    ),
    CONSTRAINT workflow_runs_total_duration_ms_ck CHECK (
        total_duration_ms IS NOT DISTINCT FROM
            floor(extract(epoch FROM finished_at - started_at) * 1000)
    )
);

-- Across accounts: muniment_service looks for runs whose worker has died.
CREATE INDEX workflow_runs_running_ix
    ON open_agents.workflow_runs (started_at) WHERE status = 'running';

-- Stated: the runs of a chat. Serves the reference.
CREATE INDEX workflow_runs_chat_id_ix ON open_agents.workflow_runs (tenant_id, chat_id);

COMMENT ON TABLE open_agents.workflow_runs IS 'An execution of a workflow for a chat.';
COMMENT ON COLUMN open_agents.workflow_runs.tenant_id IS 'The account; that of the chat.';
COMMENT ON COLUMN open_agents.workflow_runs.id IS
    'The run; the id that the workflow has elsewhere.';
COMMENT ON COLUMN open_agents.workflow_runs.chat_id IS 'The chat.';
COMMENT ON COLUMN open_agents.workflow_runs.status IS
    'How it stands: running, completed, aborted or failed.';
COMMENT ON COLUMN open_agents.workflow_runs.started_at IS 'When it began.';
COMMENT ON COLUMN open_agents.workflow_runs.finished_at IS 'When it ended. NULL while it runs.';
COMMENT ON COLUMN open_agents.workflow_runs.total_duration_ms IS
    'Milliseconds from start to end, fractions cut off. NULL while it runs.';
COMMENT ON COLUMN open_agents.workflow_runs.model_id IS 'The model that it was begun with.';
COMMENT ON COLUMN open_agents.workflow_runs.created_at IS 'When the row was made.';

-- What has ended stays as it was.
CREATE TRIGGER workflow_runs_forbid_update_tg
    BEFORE UPDATE ON open_agents.workflow_runs
    FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL)
    EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER workflow_runs_forbid_open_end_tg
    BEFORE UPDATE ON open_agents.workflow_runs
    FOR EACH ROW WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL)
    EXECUTE FUNCTION open_agents.forbid_open_end();

ALTER TABLE open_agents.workflow_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE open_agents.workflow_runs FORCE ROW LEVEL SECURITY;

CREATE POLICY workflow_runs_tenant ON open_agents.workflow_runs
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY workflow_runs_tenant_guard ON open_agents.workflow_runs AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- The backend serves all accounts.
CREATE POLICY workflow_runs_service ON open_agents.workflow_runs
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT ON open_agents.workflow_runs TO muniment_app;
GRANT INSERT (
    tenant_id, id, chat_id, status, started_at, finished_at, total_duration_ms, model_id
) ON open_agents.workflow_runs TO muniment_app;
GRANT UPDATE (status, finished_at, total_duration_ms) ON open_agents.workflow_runs TO muniment_app;
GRANT SELECT ON open_agents.workflow_runs TO muniment_reader;
GRANT SELECT ON open_agents.workflow_runs TO muniment_service;
GRANT INSERT (
    tenant_id, id, chat_id, status, started_at, finished_at, total_duration_ms, model_id
) ON open_agents.workflow_runs TO muniment_service;
GRANT UPDATE (
    status, finished_at, total_duration_ms
) ON open_agents.workflow_runs TO muniment_service;

COMMIT;

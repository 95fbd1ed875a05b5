-- Deploy open_agents:workflow_run_steps to pg
-- requires: admit_step
--
-- The steps of a run and how long each took. A run has one open step at most, by key, so that steps
-- which are begun and ended as they happen do not overlap and add up to no more than the run. A run
-- that has ended has none, by trigger. What has ended does not change.
-- Locks: SHARE ROW EXCLUSIVE on workflow_runs.  Docs: docs/schema/open_agents.md#workflow-run-steps

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE open_agents.workflow_run_steps (
    tenant_id       uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id              text        NOT NULL,
    workflow_run_id text        NOT NULL,
    step_number     integer     NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    duration_ms     bigint,
    finish_reason   text,
    created_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT workflow_run_steps_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT workflow_run_steps_step_number_uq UNIQUE (tenant_id, workflow_run_id, step_number),
    CONSTRAINT workflow_run_steps_workflow_run_fk FOREIGN KEY (tenant_id, workflow_run_id)
        REFERENCES open_agents.workflow_runs (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT workflow_run_steps_id_ck CHECK (id <> ''),
    CONSTRAINT workflow_run_steps_step_number_ck CHECK (step_number >= 0),
    CONSTRAINT workflow_run_steps_times_ck CHECK (
        isfinite(started_at) AND isfinite(finished_at) AND finished_at >= started_at
    ),
    CONSTRAINT workflow_run_steps_duration_ms_ck CHECK (
        duration_ms IS NOT DISTINCT FROM
            floor(extract(epoch FROM finished_at - started_at) * 1000)
    ),
    CONSTRAINT workflow_run_steps_finish_reason_ck
        CHECK (finish_reason IS NULL OR finished_at IS NOT NULL)
);

-- One open step a run. Also finds it.
CREATE UNIQUE INDEX workflow_run_steps_open_uq
    ON open_agents.workflow_run_steps (tenant_id, workflow_run_id)
    WHERE finished_at IS NULL;

COMMENT ON TABLE open_agents.workflow_run_steps IS 'A step of a run.';
COMMENT ON COLUMN open_agents.workflow_run_steps.tenant_id IS 'The account; that of the run.';
COMMENT ON COLUMN open_agents.workflow_run_steps.id IS
    'The step; whoever makes it chooses the id, a nanoid.';
COMMENT ON COLUMN open_agents.workflow_run_steps.workflow_run_id IS 'The run.';
COMMENT ON COLUMN open_agents.workflow_run_steps.step_number IS
    'The place in the run. start_step() counts from 1; a workflow that counts itself may count '
    'from 0.';
COMMENT ON COLUMN open_agents.workflow_run_steps.started_at IS 'When it began.';
COMMENT ON COLUMN open_agents.workflow_run_steps.finished_at IS
    'When it ended. NULL while it is open.';
COMMENT ON COLUMN open_agents.workflow_run_steps.duration_ms IS
    'Milliseconds from start to end, fractions cut off. NULL while it is open.';
COMMENT ON COLUMN open_agents.workflow_run_steps.finish_reason IS
    'Why it ended, as the model or the workflow calls it, for example stop or tool-calls.';
COMMENT ON COLUMN open_agents.workflow_run_steps.created_at IS 'When the row was made.';

-- What has ended stays as it was.
CREATE TRIGGER workflow_run_steps_forbid_update_tg
    BEFORE UPDATE ON open_agents.workflow_run_steps
    FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL)
    EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER workflow_run_steps_admit_tg
    BEFORE INSERT ON open_agents.workflow_run_steps
    FOR EACH ROW WHEN (NEW.finished_at IS NULL)
    EXECUTE FUNCTION open_agents.admit_step();

ALTER TABLE open_agents.workflow_run_steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE open_agents.workflow_run_steps FORCE ROW LEVEL SECURITY;

CREATE POLICY workflow_run_steps_tenant ON open_agents.workflow_run_steps
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY workflow_run_steps_tenant_guard ON open_agents.workflow_run_steps AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- The backend serves all accounts.
CREATE POLICY workflow_run_steps_service ON open_agents.workflow_run_steps
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT ON open_agents.workflow_run_steps TO muniment_app;
GRANT INSERT (
    tenant_id, id, workflow_run_id, step_number, started_at, finished_at, duration_ms, finish_reason
) ON open_agents.workflow_run_steps TO muniment_app;
GRANT UPDATE (
    finished_at, duration_ms, finish_reason
) ON open_agents.workflow_run_steps TO muniment_app;
GRANT SELECT ON open_agents.workflow_run_steps TO muniment_reader;
GRANT SELECT ON open_agents.workflow_run_steps TO muniment_service;
GRANT INSERT (
    tenant_id, id, workflow_run_id, step_number, started_at, finished_at, duration_ms, finish_reason
) ON open_agents.workflow_run_steps TO muniment_service;
GRANT UPDATE (
    finished_at, duration_ms, finish_reason
) ON open_agents.workflow_run_steps TO muniment_service;

COMMIT;

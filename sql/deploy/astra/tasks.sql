-- Deploy astra:tasks to pg
-- requires: goals
-- requires: workers
-- requires: guard_task
-- requires: settle_task
-- requires: record_event
-- requires: forbid_by_hand
--
-- A step of a goal. blockers counts what it waits for, and a CHECK lets no task run while there is
-- one: that is what makes "never before its dependencies" a rule of the table. Triggers count; one
-- refuses whoever else writes the counter, because those who cause a change need the right to it.
-- Locks: SHARE ROW EXCLUSIVE on agents, goals, organizations, workers.
-- Docs: docs/schema/astra.md#tasks

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.tasks (
    org_id           uuid        NOT NULL,
    id               uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    goal_id          uuid        NOT NULL,
    graph_id         uuid,
    agent_id         uuid,
    type             text        NOT NULL,
    status           text        NOT NULL DEFAULT 'pending',
    blockers         integer     NOT NULL DEFAULT 0,
    priority         integer     NOT NULL,
    payload          jsonb       NOT NULL DEFAULT '{}',
    result           jsonb,
    error            text,
    attempts         integer     NOT NULL DEFAULT 0,
    max_attempts     integer     NOT NULL DEFAULT 3,
    worker_id        uuid,
    lease_expires_at timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    started_at       timestamptz,
    finished_at      timestamptz,

    CONSTRAINT tasks_pk PRIMARY KEY (org_id, id),
    CONSTRAINT tasks_goal_id_uq UNIQUE (org_id, goal_id, id),
    CONSTRAINT tasks_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT tasks_goal_fk FOREIGN KEY (org_id, goal_id)
        REFERENCES astra.goals (org_id, id) ON DELETE CASCADE,
    CONSTRAINT tasks_agent_fk FOREIGN KEY (org_id, agent_id)
        REFERENCES astra.agents (org_id, id) ON DELETE RESTRICT,
    CONSTRAINT tasks_worker_fk FOREIGN KEY (org_id, worker_id)
        REFERENCES astra.workers (org_id, id) ON DELETE RESTRICT,
    CONSTRAINT tasks_type_ck CHECK (type <> ''),
    CONSTRAINT tasks_status_ck
        CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    CONSTRAINT tasks_blockers_ck CHECK (blockers >= 0),
    CONSTRAINT tasks_unblocked_ck CHECK (blockers = 0 OR status NOT IN ('running', 'completed')),
    CONSTRAINT tasks_attempts_ck CHECK (attempts BETWEEN 0 AND max_attempts),
    -- One pending task that could not be claimed would make every claim that meets it an error.
    CONSTRAINT tasks_attempts_left_ck CHECK (status <> 'pending' OR attempts < max_attempts),
    CONSTRAINT tasks_lease_ck CHECK ((status = 'running') = (lease_expires_at IS NOT NULL)),
    CONSTRAINT tasks_worker_ck CHECK (status <> 'running' OR worker_id IS NOT NULL),
    CONSTRAINT tasks_finished_at_ck
        CHECK ((status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);

-- What claim_tasks takes from, in its order.
CREATE INDEX tasks_ready_ix
    ON astra.tasks (org_id, priority DESC, id)
    WHERE status = 'pending' AND blockers = 0;

-- Whether a goal has a task left.
CREATE INDEX tasks_open_ix
    ON astra.tasks (org_id, goal_id)
    WHERE status IN ('pending', 'running');

-- What renew_leases renews and requeue_expired_tasks looks through. The lease is not in it, so that
-- a heartbeat writes no index.
CREATE INDEX tasks_running_ix ON astra.tasks (org_id, worker_id) WHERE status = 'running';

-- The tasks of a worker. Serves the reference.
CREATE INDEX tasks_worker_id_ix ON astra.tasks (org_id, worker_id) WHERE worker_id IS NOT NULL;

-- The tasks of an agent. Serves the reference.
CREATE INDEX tasks_agent_id_ix ON astra.tasks (org_id, agent_id) WHERE agent_id IS NOT NULL;

COMMENT ON TABLE astra.tasks IS 'A step of a goal, done by one worker at a time.';
COMMENT ON COLUMN astra.tasks.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.tasks.id IS 'The task.';
COMMENT ON COLUMN astra.tasks.goal_id IS 'The goal.';
COMMENT ON COLUMN astra.tasks.graph_id IS
    'The plan that it is a part of, as the planner numbers its plans.';
COMMENT ON COLUMN astra.tasks.agent_id IS 'The agent that does it. NULL means that of the goal.';
COMMENT ON COLUMN astra.tasks.type IS 'What kind of step it is, as the workers understand it.';
COMMENT ON COLUMN astra.tasks.status IS
    'pending until it is claimed, then running, then completed, failed or cancelled.';
COMMENT ON COLUMN astra.tasks.blockers IS
    'What it waits for: dependencies that are not completed, approvals that are not given, and '
    'one more until its goal is active. Triggers count.';
COMMENT ON COLUMN astra.tasks.priority IS
    'Which ready task is claimed first: the highest number. A trigger writes that of the agent '
    'where none is given.';
COMMENT ON COLUMN astra.tasks.payload IS
    'What is to be done. Stays from the first attempt or request for approval on.';
COMMENT ON COLUMN astra.tasks.result IS 'What came of it.';
COMMENT ON COLUMN astra.tasks.error IS 'Why the last attempt failed.';
COMMENT ON COLUMN astra.tasks.attempts IS 'How often it was claimed.';
COMMENT ON COLUMN astra.tasks.max_attempts IS
    'How often it may be claimed: at least once, and once more as long as it is pending.';
COMMENT ON COLUMN astra.tasks.worker_id IS 'The worker that has it, or had it last.';
COMMENT ON COLUMN astra.tasks.lease_expires_at IS 'Until when the worker has it. Then others may.';
COMMENT ON COLUMN astra.tasks.created_at IS 'When the row was made.';
COMMENT ON COLUMN astra.tasks.started_at IS 'When it was last claimed; a trigger sets it.';
COMMENT ON COLUMN astra.tasks.finished_at IS 'When it ended; a trigger sets it.';

CREATE TRIGGER tasks_guard_tg
    BEFORE INSERT OR UPDATE ON astra.tasks
    FOR EACH ROW EXECUTE FUNCTION astra.guard_task();

CREATE TRIGGER tasks_forbid_by_hand_tg
    BEFORE UPDATE OF blockers ON astra.tasks
    FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND OLD.blockers <> NEW.blockers)
    EXECUTE FUNCTION astra.forbid_by_hand();

CREATE TRIGGER tasks_record_event_tg
    AFTER INSERT OR UPDATE OF status ON astra.tasks
    FOR EACH ROW EXECUTE FUNCTION astra.record_event('task');

CREATE TRIGGER tasks_settle_tg
    AFTER UPDATE OF status ON astra.tasks
    FOR EACH ROW WHEN (OLD.status <> NEW.status)
    EXECUTE FUNCTION astra.settle_task();

ALTER TABLE astra.tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.tasks FORCE ROW LEVEL SECURITY;

CREATE POLICY tasks_tenant ON astra.tasks
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY tasks_tenant_guard ON astra.tasks AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

-- Times, attempts and what came of a task are not the runtime's to begin with.
GRANT SELECT ON astra.tasks TO muniment_app;
GRANT INSERT (
    org_id, id, goal_id, graph_id, agent_id, type, status, priority, payload, max_attempts
) ON astra.tasks TO muniment_app;
GRANT UPDATE (
    graph_id, agent_id, type, status, blockers, priority, payload, result, error, max_attempts,
    worker_id, lease_expires_at
) ON astra.tasks TO muniment_app;
GRANT SELECT ON astra.tasks TO muniment_reader;

COMMIT;

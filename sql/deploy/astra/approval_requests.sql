-- Deploy astra:approval_requests to pg
-- requires: tasks
-- requires: users
-- requires: settle_approval
-- requires: count_decision
-- requires: stamp_request
-- requires: stamp_decision
-- requires: guard_approval
-- requires: record_event
-- requires: platform:forbid_change
--
-- A plan or a risky task that waits for people. A decision is a row, so that one decision each is a
-- key; the stated approvals are written from those rows by a trigger, another one lets nothing else
-- be written, and two CHECKs let a request be approved neither by too few nor by too many. Triggers
-- write the times.
-- Locks: SHARE ROW EXCLUSIVE on goals, organizations, tasks, users.
-- Docs: docs/schema/astra.md#approval-requests

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.approval_requests (
    org_id             uuid        NOT NULL,
    id                 uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    request_type       text        NOT NULL,
    goal_id            uuid        NOT NULL,
    task_id            uuid,
    graph_id           uuid,
    plan_payload       jsonb,
    requested_by       uuid,
    required_approvals integer     NOT NULL DEFAULT 1,
    approvals          jsonb       NOT NULL DEFAULT '[]',
    status             text        NOT NULL DEFAULT 'pending',
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    decided_at         timestamptz,

    CONSTRAINT approval_requests_pk PRIMARY KEY (org_id, id),
    CONSTRAINT approval_requests_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT approval_requests_goal_fk FOREIGN KEY (org_id, goal_id)
        REFERENCES astra.goals (org_id, id) ON DELETE RESTRICT,
    CONSTRAINT approval_requests_task_fk FOREIGN KEY (org_id, goal_id, task_id)
        REFERENCES astra.tasks (org_id, goal_id, id) ON DELETE RESTRICT,
    CONSTRAINT approval_requests_requested_by_fk FOREIGN KEY (org_id, requested_by)
        REFERENCES astra.users (org_id, id) ON DELETE RESTRICT,
    CONSTRAINT approval_requests_request_type_ck CHECK (request_type IN ('plan', 'risky_task')),
    CONSTRAINT approval_requests_status_ck CHECK (status IN ('pending', 'approved', 'rejected')),
    CONSTRAINT approval_requests_task_ck
        CHECK ((request_type = 'risky_task') = (task_id IS NOT NULL)),
    CONSTRAINT approval_requests_required_approvals_ck CHECK (required_approvals >= 1),
    CONSTRAINT approval_requests_approvals_ck
        CHECK (jsonb_array_length(approvals) <= required_approvals),
    CONSTRAINT approval_requests_approved_ck
        CHECK (status <> 'approved' OR jsonb_array_length(approvals) = required_approvals),
    CONSTRAINT approval_requests_decided_at_ck CHECK ((status = 'pending') = (decided_at IS NULL))
);

-- The requests of a goal. Serves the reference.
CREATE INDEX approval_requests_goal_id_ix ON astra.approval_requests (org_id, goal_id, id);

-- The requests of a task. Serves the reference.
CREATE INDEX approval_requests_task_id_ix
    ON astra.approval_requests (org_id, task_id) WHERE task_id IS NOT NULL;

-- What a person asked for. Serves the reference.
CREATE INDEX approval_requests_requested_by_ix
    ON astra.approval_requests (org_id, requested_by) WHERE requested_by IS NOT NULL;

-- What waits for people.
CREATE INDEX approval_requests_pending_ix
    ON astra.approval_requests (org_id, id) WHERE status = 'pending';

COMMENT ON TABLE astra.approval_requests IS 'A plan or a risky task that waits for people.';
COMMENT ON COLUMN astra.approval_requests.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.approval_requests.id IS 'The request.';
COMMENT ON COLUMN astra.approval_requests.request_type IS
    'plan: the goal does not start before. risky_task: the task is not claimed before.';
COMMENT ON COLUMN astra.approval_requests.goal_id IS 'The goal.';
COMMENT ON COLUMN astra.approval_requests.task_id IS 'The task, if it is about one.';
COMMENT ON COLUMN astra.approval_requests.graph_id IS 'The plan, as the planner numbers its plans.';
COMMENT ON COLUMN astra.approval_requests.plan_payload IS 'What is to be approved.';
COMMENT ON COLUMN astra.approval_requests.requested_by IS
    'Who asks, and may not approve. NULL means that no person does.';
COMMENT ON COLUMN astra.approval_requests.required_approvals IS
    'How many different people must approve; 2 for dual approval.';
COMMENT ON COLUMN astra.approval_requests.approvals IS
    'The decisions so far, oldest first: an array of user_id, decision and decided_at. A trigger '
    'writes it.';
COMMENT ON COLUMN astra.approval_requests.status IS
    'pending, approved or rejected. A trigger sets it: one rejection is enough.';
COMMENT ON COLUMN astra.approval_requests.created_at IS
    'When it was asked; a trigger sets it. The latest request for a plan is the one that counts.';
COMMENT ON COLUMN astra.approval_requests.decided_at IS
    'When it was approved or rejected; a trigger sets it.';

CREATE TRIGGER approval_requests_guard_tg
    BEFORE UPDATE OF approvals, status, decided_at ON astra.approval_requests
    FOR EACH ROW EXECUTE FUNCTION astra.guard_approval();

-- Not OF status: the trigger above sets it, no statement does.
CREATE TRIGGER approval_requests_record_event_tg
    AFTER INSERT OR UPDATE ON astra.approval_requests
    FOR EACH ROW EXECUTE FUNCTION astra.record_event('approval_request');

CREATE TRIGGER approval_requests_settle_tg
    AFTER INSERT OR UPDATE ON astra.approval_requests
    FOR EACH ROW EXECUTE FUNCTION astra.settle_approval();

CREATE TRIGGER approval_requests_stamp_tg
    BEFORE INSERT ON astra.approval_requests
    FOR EACH ROW EXECUTE FUNCTION astra.stamp_request();

ALTER TABLE astra.approval_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.approval_requests FORCE ROW LEVEL SECURITY;

CREATE POLICY approval_requests_tenant ON astra.approval_requests
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY approval_requests_tenant_guard ON astra.approval_requests AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

GRANT SELECT ON astra.approval_requests TO muniment_app;
GRANT INSERT (
    org_id, id, request_type, goal_id, task_id, graph_id, plan_payload, requested_by,
    required_approvals
) ON astra.approval_requests TO muniment_app;
GRANT UPDATE (approvals) ON astra.approval_requests TO muniment_app;
GRANT SELECT ON astra.approval_requests TO muniment_reader;

CREATE TABLE astra.approval_decisions (
    org_id     uuid        NOT NULL,
    request_id uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    decision   text        NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT approval_decisions_pk PRIMARY KEY (org_id, request_id, user_id),
    CONSTRAINT approval_decisions_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT approval_decisions_request_fk FOREIGN KEY (org_id, request_id)
        REFERENCES astra.approval_requests (org_id, id) ON DELETE RESTRICT,
    CONSTRAINT approval_decisions_user_fk FOREIGN KEY (org_id, user_id)
        REFERENCES astra.users (org_id, id) ON DELETE RESTRICT,
    CONSTRAINT approval_decisions_decision_ck CHECK (decision IN ('approved', 'rejected'))
);

-- What a person decided. Serves the reference.
CREATE INDEX approval_decisions_user_id_ix ON astra.approval_decisions (org_id, user_id);

COMMENT ON TABLE astra.approval_decisions IS
    'What one person decided about a request. Append-only.';
COMMENT ON COLUMN astra.approval_decisions.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.approval_decisions.request_id IS 'The request.';
COMMENT ON COLUMN astra.approval_decisions.user_id IS 'Who decided.';
COMMENT ON COLUMN astra.approval_decisions.decision IS 'approved or rejected.';
COMMENT ON COLUMN astra.approval_decisions.decided_at IS 'When; a trigger sets it.';

CREATE TRIGGER approval_decisions_count_tg
    AFTER INSERT ON astra.approval_decisions
    FOR EACH ROW EXECUTE FUNCTION astra.count_decision();

CREATE TRIGGER approval_decisions_forbid_change_tg
    BEFORE UPDATE OR DELETE ON astra.approval_decisions
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER approval_decisions_forbid_truncate_tg
    BEFORE TRUNCATE ON astra.approval_decisions
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER approval_decisions_stamp_tg
    BEFORE INSERT ON astra.approval_decisions
    FOR EACH ROW EXECUTE FUNCTION astra.stamp_decision();

ALTER TABLE astra.approval_decisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.approval_decisions FORCE ROW LEVEL SECURITY;

CREATE POLICY approval_decisions_tenant ON astra.approval_decisions
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY approval_decisions_tenant_guard ON astra.approval_decisions AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

GRANT SELECT ON astra.approval_decisions TO muniment_app;
GRANT INSERT (org_id, request_id, user_id, decision) ON astra.approval_decisions TO muniment_app;
GRANT SELECT ON astra.approval_decisions TO muniment_reader;

COMMIT;

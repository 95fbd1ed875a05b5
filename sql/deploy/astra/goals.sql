-- Deploy astra:goals to pg
-- requires: agents
-- requires: guard_goal
-- requires: settle_goal
-- requires: record_event
--
-- What an agent was asked to reach. A trigger admits it, or says why not; another settles its tasks
-- with it. A goal can only depend on goals that were there before it, and never changes that, so
-- goals cannot wait for each other in a circle.
-- Locks: SHARE ROW EXCLUSIVE on agents, organizations.  Docs: docs/schema/astra.md#goals

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.goals (
    org_id              uuid        NOT NULL,
    id                  uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id            uuid        NOT NULL,
    goal_text           text        NOT NULL,
    status              text        NOT NULL DEFAULT 'pending',
    priority            integer     NOT NULL DEFAULT 0,
    cascade_id          uuid,
    depends_on_goal_ids uuid[]      NOT NULL DEFAULT '{}',
    source_agent_id     uuid,
    created_at          timestamptz NOT NULL DEFAULT now(),
    completed_at        timestamptz,

    CONSTRAINT goals_pk PRIMARY KEY (org_id, id),
    CONSTRAINT goals_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT goals_agent_fk FOREIGN KEY (org_id, agent_id)
        REFERENCES astra.agents (org_id, id) ON DELETE RESTRICT,
    CONSTRAINT goals_source_agent_fk FOREIGN KEY (org_id, source_agent_id)
        REFERENCES astra.agents (org_id, id) ON DELETE RESTRICT,
    CONSTRAINT goals_goal_text_ck CHECK (goal_text <> ''),
    CONSTRAINT goals_status_ck
        CHECK (status IN ('pending', 'active', 'completed', 'failed', 'cancelled')),
    CONSTRAINT goals_completed_at_ck CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CONSTRAINT goals_depends_on_ck CHECK (NOT id = ANY (depends_on_goal_ids)
        AND array_position(depends_on_goal_ids, NULL) IS NULL)
);

-- What an agent has under way, and which goal starts next. Serves the reference.
CREATE INDEX goals_agent_status_ix ON astra.goals (org_id, agent_id, status, priority DESC, id);

-- The goals that an agent set. Serves the reference.
CREATE INDEX goals_source_agent_id_ix
    ON astra.goals (org_id, source_agent_id) WHERE source_agent_id IS NOT NULL;

-- The goals of a cascade.
CREATE INDEX goals_cascade_id_ix ON astra.goals (org_id, cascade_id) WHERE cascade_id IS NOT NULL;

COMMENT ON TABLE astra.goals IS 'A goal of an agent.';
COMMENT ON COLUMN astra.goals.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.goals.id IS 'The goal.';
COMMENT ON COLUMN astra.goals.agent_id IS 'The agent that is to reach it.';
COMMENT ON COLUMN astra.goals.goal_text IS
    'What is to be reached. Stays from the start, or the first request to approve its plan, on.';
COMMENT ON COLUMN astra.goals.status IS
    'pending until it starts, then active, then completed, failed or cancelled.';
COMMENT ON COLUMN astra.goals.priority IS
    'Which of the goals of an agent starts first: the highest number.';
COMMENT ON COLUMN astra.goals.cascade_id IS 'The same for all goals that one request led to.';
COMMENT ON COLUMN astra.goals.depends_on_goal_ids IS
    'Goals that must be completed before it starts.';
COMMENT ON COLUMN astra.goals.source_agent_id IS 'The agent that set it. NULL means a person.';
COMMENT ON COLUMN astra.goals.created_at IS 'When the row was made.';
COMMENT ON COLUMN astra.goals.completed_at IS 'When it was reached; a trigger sets it.';

CREATE TRIGGER goals_guard_tg
    BEFORE INSERT OR UPDATE ON astra.goals
    FOR EACH ROW EXECUTE FUNCTION astra.guard_goal();

CREATE TRIGGER goals_record_event_tg
    AFTER INSERT OR UPDATE OF status ON astra.goals
    FOR EACH ROW EXECUTE FUNCTION astra.record_event('goal');

CREATE TRIGGER goals_settle_tg
    AFTER UPDATE OF status ON astra.goals
    FOR EACH ROW WHEN (OLD.status <> NEW.status)
    EXECUTE FUNCTION astra.settle_goal();

ALTER TABLE astra.goals ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.goals FORCE ROW LEVEL SECURITY;

CREATE POLICY goals_tenant ON astra.goals
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY goals_tenant_guard ON astra.goals AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

-- Times are not the runtime's choice.
GRANT SELECT ON astra.goals TO muniment_app;
GRANT INSERT (
    org_id, id, agent_id, goal_text, status, priority, cascade_id, depends_on_goal_ids,
    source_agent_id
) ON astra.goals TO muniment_app;
GRANT UPDATE (goal_text, status, priority) ON astra.goals TO muniment_app;
GRANT SELECT ON astra.goals TO muniment_reader;

COMMIT;

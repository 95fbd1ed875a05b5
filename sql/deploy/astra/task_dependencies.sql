-- Deploy astra:task_dependencies to pg
-- requires: tasks
-- requires: guard_dependency
-- requires: count_dependency
-- requires: platform:forbid_change
--
-- Which task waits for which. Both are of one goal, by key, so a circle is a matter of one goal,
-- and the lock of that goal is enough for two sessions not to close one between them.
-- Locks: SHARE ROW EXCLUSIVE on organizations, tasks.  Docs: docs/schema/astra.md#task-dependencies

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.task_dependencies (
    org_id     uuid NOT NULL,
    goal_id    uuid NOT NULL,
    task_id    uuid NOT NULL,
    depends_on uuid NOT NULL,

    CONSTRAINT task_dependencies_pk PRIMARY KEY (org_id, task_id, depends_on),
    CONSTRAINT task_dependencies_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT task_dependencies_task_fk FOREIGN KEY (org_id, goal_id, task_id)
        REFERENCES astra.tasks (org_id, goal_id, id) ON DELETE CASCADE,
    CONSTRAINT task_dependencies_depends_on_fk FOREIGN KEY (org_id, goal_id, depends_on)
        REFERENCES astra.tasks (org_id, goal_id, id) ON DELETE CASCADE,
    CONSTRAINT task_dependencies_depends_on_ck CHECK (task_id <> depends_on)
);

-- What waits for a task. Serves the reference.
CREATE INDEX task_dependencies_depends_on_ix
    ON astra.task_dependencies (org_id, depends_on, task_id);

COMMENT ON TABLE astra.task_dependencies IS 'One task that waits for another.';
COMMENT ON COLUMN astra.task_dependencies.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.task_dependencies.goal_id IS 'The goal of both.';
COMMENT ON COLUMN astra.task_dependencies.task_id IS 'The task that waits.';
COMMENT ON COLUMN astra.task_dependencies.depends_on IS 'The task that it waits for.';

CREATE TRIGGER task_dependencies_guard_tg
    BEFORE INSERT OR DELETE ON astra.task_dependencies
    FOR EACH ROW EXECUTE FUNCTION astra.guard_dependency();

CREATE TRIGGER task_dependencies_count_tg
    AFTER INSERT OR DELETE ON astra.task_dependencies
    FOR EACH ROW EXECUTE FUNCTION astra.count_dependency();

CREATE TRIGGER task_dependencies_forbid_update_tg
    BEFORE UPDATE ON astra.task_dependencies
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE astra.task_dependencies ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.task_dependencies FORCE ROW LEVEL SECURITY;

CREATE POLICY task_dependencies_tenant ON astra.task_dependencies
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY task_dependencies_tenant_guard ON astra.task_dependencies AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON astra.task_dependencies TO muniment_app;
GRANT SELECT ON astra.task_dependencies TO muniment_reader;

COMMIT;

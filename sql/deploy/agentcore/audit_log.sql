-- Deploy agentcore:audit_log to pg
-- requires: department_member
-- requires: forbid_by_hand
-- requires: platform:forbid_change
--
-- Who did what, for the business and for security. Runtimes append and read, but do not say when it
-- was; nobody has a right to change or remove a row, and triggers refuse whoever needs none. What
-- the functions about approvals and personal data log, they alone log.
-- Locks: SHARE ROW EXCLUSIVE on department, department_member.
-- Docs: docs/schema/agentcore.md#audit-log

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.audit_log (
    department_id uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id            uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    user_id       uuid,
    action        text        NOT NULL,
    entity_type   text,
    entity_id     text,
    changes       jsonb,
    ip_address    inet,
    user_agent    text,
    created_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT audit_log_pk PRIMARY KEY (department_id, id),
    CONSTRAINT audit_log_department_fk FOREIGN KEY (department_id)
        REFERENCES agentcore.department (id) ON DELETE RESTRICT,
    CONSTRAINT audit_log_user_fk FOREIGN KEY (department_id, user_id)
        REFERENCES agentcore.department_member (department_id, user_id) ON DELETE RESTRICT,
    CONSTRAINT audit_log_action_ck CHECK (action <> '')
);

-- What a user did, newest first. Serves the reference.
CREATE INDEX audit_log_user_id_ix
    ON agentcore.audit_log (department_id, user_id, created_at DESC)
    WHERE user_id IS NOT NULL;

-- What was done to one thing.
CREATE INDEX audit_log_entity_ix ON agentcore.audit_log (department_id, entity_type, entity_id);

-- The trail, newest first.
CREATE INDEX audit_log_created_at_ix ON agentcore.audit_log (department_id, created_at DESC);

COMMENT ON TABLE agentcore.audit_log IS 'One thing that somebody or something did. Append-only.';
COMMENT ON COLUMN agentcore.audit_log.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.audit_log.id IS 'The entry.';
COMMENT ON COLUMN agentcore.audit_log.user_id IS 'The user who did it. NULL means the system.';
COMMENT ON COLUMN agentcore.audit_log.action IS
    'What was done. What begins with approval. or pii. was logged by the function that did it.';
COMMENT ON COLUMN agentcore.audit_log.entity_type IS 'To what kind of thing.';
COMMENT ON COLUMN agentcore.audit_log.entity_id IS 'To which one.';
COMMENT ON COLUMN agentcore.audit_log.changes IS 'What is different since.';
COMMENT ON COLUMN agentcore.audit_log.ip_address IS 'From where.';
COMMENT ON COLUMN agentcore.audit_log.user_agent IS 'With which program.';
COMMENT ON COLUMN agentcore.audit_log.created_at IS 'When the row was made.';

CREATE TRIGGER audit_log_forbid_by_hand_tg
    BEFORE INSERT ON agentcore.audit_log
    FOR EACH ROW WHEN (starts_with(NEW.action, 'approval.') OR starts_with(NEW.action, 'pii.'))
    EXECUTE FUNCTION agentcore.forbid_by_hand();
CREATE TRIGGER audit_log_forbid_update_tg
    BEFORE UPDATE ON agentcore.audit_log
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER audit_log_forbid_delete_tg
    BEFORE DELETE ON agentcore.audit_log
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER audit_log_forbid_truncate_tg
    BEFORE TRUNCATE ON agentcore.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agentcore.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.audit_log FORCE ROW LEVEL SECURITY;

CREATE POLICY audit_log_tenant ON agentcore.audit_log
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY audit_log_tenant_guard ON agentcore.audit_log AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

-- What the backend does with a department's secrets is logged where the department sees it.
CREATE POLICY audit_log_service ON agentcore.audit_log
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT ON agentcore.audit_log TO muniment_app;
GRANT INSERT (
    department_id, id, user_id, action, entity_type, entity_id, changes, ip_address, user_agent
) ON agentcore.audit_log TO muniment_app;
GRANT SELECT ON agentcore.audit_log TO muniment_reader;
GRANT INSERT (
    department_id, id, user_id, action, entity_type, entity_id, changes, ip_address, user_agent
) ON agentcore.audit_log TO muniment_service;

COMMIT;

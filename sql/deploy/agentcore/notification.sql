-- Deploy agentcore:notification to pg
-- requires: department_member
--
-- What a user is told. A runtime writes it and marks it as read; what it said stays.
-- Locks: SHARE ROW EXCLUSIVE on department_member.  Docs: docs/schema/agentcore.md#notification

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.notification (
    department_id uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id            uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    user_id       uuid        NOT NULL,
    type          text        NOT NULL,
    title         text        NOT NULL,
    body          text,
    entity_type   text,
    entity_id     text,
    read_at       timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT notification_pk PRIMARY KEY (department_id, id),
    CONSTRAINT notification_user_fk FOREIGN KEY (department_id, user_id)
        REFERENCES agentcore.department_member (department_id, user_id) ON DELETE RESTRICT,
    CONSTRAINT notification_type_ck CHECK (type <> '')
);

-- The notifications of a user, newest first. Serves the reference.
CREATE INDEX notification_user_id_ix
    ON agentcore.notification (department_id, user_id, created_at DESC);

-- How many are unread, asked with every page.
CREATE INDEX notification_unread_ix
    ON agentcore.notification (department_id, user_id) WHERE read_at IS NULL;

COMMENT ON TABLE agentcore.notification IS 'Something that a user is told.';
COMMENT ON COLUMN agentcore.notification.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.notification.id IS 'The notification.';
COMMENT ON COLUMN agentcore.notification.user_id IS 'The user who is told.';
COMMENT ON COLUMN agentcore.notification.type IS 'What kind it is, for example approval.escalated.';
COMMENT ON COLUMN agentcore.notification.title IS 'What is told, in short.';
COMMENT ON COLUMN agentcore.notification.body IS 'The rest of it.';
COMMENT ON COLUMN agentcore.notification.entity_type IS 'What kind of thing it is about.';
COMMENT ON COLUMN agentcore.notification.entity_id IS 'Which one.';
COMMENT ON COLUMN agentcore.notification.read_at IS 'When it was read. NULL means not yet.';
COMMENT ON COLUMN agentcore.notification.created_at IS 'When the row was made.';

ALTER TABLE agentcore.notification ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.notification FORCE ROW LEVEL SECURITY;

CREATE POLICY notification_tenant ON agentcore.notification
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY notification_tenant_guard ON agentcore.notification AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT ON agentcore.notification TO muniment_app;
GRANT INSERT (
    department_id, id, user_id, type, title, body, entity_type, entity_id
) ON agentcore.notification TO muniment_app;
GRANT UPDATE (read_at) ON agentcore.notification TO muniment_app;
GRANT SELECT ON agentcore.notification TO muniment_reader;

COMMIT;

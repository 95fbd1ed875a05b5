-- Deploy agentcore:conversation to pg
-- requires: namespace
-- requires: department_member
-- requires: forbid_by_hand
-- requires: platform:forbid_change
--
-- What was said stays as it was said: a message is not changed, not even by an approver, whose edit
-- is in the approval. A conversation is closed and not deleted; a runtime closes it, and what else
-- it waits for is written by the functions about approvals. Keys of three columns let others name
-- namespace, conversation and message of one another and of nothing else.
-- Locks: SHARE ROW EXCLUSIVE on department_member, namespace.
-- Docs: docs/schema/agentcore.md#conversation

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.conversation (
    department_id uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id            uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    user_id       uuid        NOT NULL,
    channel       text        NOT NULL,
    status        text        NOT NULL DEFAULT 'active',
    metadata      jsonb       NOT NULL DEFAULT '{}',
    namespace_id  uuid        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT conversation_pk PRIMARY KEY (department_id, id),
    CONSTRAINT conversation_namespace_uq UNIQUE (department_id, namespace_id, id),
    CONSTRAINT conversation_user_fk FOREIGN KEY (department_id, user_id)
        REFERENCES agentcore.department_member (department_id, user_id) ON DELETE RESTRICT,
    CONSTRAINT conversation_namespace_fk FOREIGN KEY (department_id, namespace_id)
        REFERENCES agentcore.namespace (department_id, id) ON DELETE RESTRICT,
    CONSTRAINT conversation_channel_ck
        CHECK (channel IN ('web', 'whatsapp', 'telegram', 'slack', 'email')),
    CONSTRAINT conversation_status_ck
        CHECK (status IN ('active', 'closed', 'escalated', 'awaiting_approval'))
);

-- The conversations of a user, newest first. Serves the reference.
CREATE INDEX conversation_user_id_ix
    ON agentcore.conversation (department_id, user_id, created_at DESC);

COMMENT ON TABLE agentcore.conversation IS 'A conversation of a user with an assistant.';
COMMENT ON COLUMN agentcore.conversation.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.conversation.id IS 'The conversation.';
COMMENT ON COLUMN agentcore.conversation.user_id IS 'The user.';
COMMENT ON COLUMN agentcore.conversation.channel IS
    'Where it is held: web, whatsapp, telegram, slack or email.';
COMMENT ON COLUMN agentcore.conversation.status IS
    'active, closed, escalated or awaiting_approval.';
COMMENT ON COLUMN agentcore.conversation.metadata IS 'Further facts.';
COMMENT ON COLUMN agentcore.conversation.namespace_id IS 'The assistant.';
COMMENT ON COLUMN agentcore.conversation.created_at IS 'When the row was made.';

CREATE TRIGGER conversation_forbid_by_hand_tg
    BEFORE UPDATE OF status ON agentcore.conversation
    FOR EACH ROW WHEN (NEW.status <> OLD.status AND NEW.status <> 'closed')
    EXECUTE FUNCTION agentcore.forbid_by_hand();

ALTER TABLE agentcore.conversation ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.conversation FORCE ROW LEVEL SECURITY;

CREATE POLICY conversation_tenant ON agentcore.conversation
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY conversation_tenant_guard ON agentcore.conversation AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT ON agentcore.conversation TO muniment_app;
GRANT INSERT (
    department_id, id, user_id, channel, metadata, namespace_id
) ON agentcore.conversation TO muniment_app;
GRANT UPDATE (status, metadata) ON agentcore.conversation TO muniment_app;
GRANT SELECT ON agentcore.conversation TO muniment_reader;

CREATE TABLE agentcore.message (
    department_id   uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id              uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    conversation_id uuid        NOT NULL,
    role            text        NOT NULL,
    content         text        NOT NULL,
    sources         jsonb       NOT NULL DEFAULT '[]',
    created_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT message_pk PRIMARY KEY (department_id, id),
    CONSTRAINT message_conversation_uq UNIQUE (department_id, conversation_id, id),
    CONSTRAINT message_conversation_fk FOREIGN KEY (department_id, conversation_id)
        REFERENCES agentcore.conversation (department_id, id) ON DELETE CASCADE,
    CONSTRAINT message_role_ck CHECK (role IN ('user', 'assistant', 'system'))
);

COMMENT ON TABLE agentcore.message IS 'What was said in a conversation, once.';
COMMENT ON COLUMN agentcore.message.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.message.id IS
    'The message. Ids rise with time where the writer names none.';
COMMENT ON COLUMN agentcore.message.conversation_id IS 'The conversation.';
COMMENT ON COLUMN agentcore.message.role IS 'Who said it: user, assistant or system.';
COMMENT ON COLUMN agentcore.message.content IS
    'What was said, with placeholders for what is personal.';
COMMENT ON COLUMN agentcore.message.sources IS 'Where the assistant has it from.';
COMMENT ON COLUMN agentcore.message.created_at IS 'When the row was made.';

CREATE TRIGGER message_forbid_update_tg
    BEFORE UPDATE ON agentcore.message
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER message_forbid_truncate_tg
    BEFORE TRUNCATE ON agentcore.message
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agentcore.message ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.message FORCE ROW LEVEL SECURITY;

CREATE POLICY message_tenant ON agentcore.message
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY message_tenant_guard ON agentcore.message AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT ON agentcore.message TO muniment_app;
GRANT INSERT (
    department_id, id, conversation_id, role, content, sources
) ON agentcore.message TO muniment_app;
GRANT SELECT ON agentcore.message TO muniment_reader;

COMMIT;

-- Deploy astra:chat_sessions to pg
-- requires: agents
-- requires: users
-- requires: guard_chat_session
--
-- A conversation of a person with an agent that chats. What is older than the days of retention is
-- deleted by the backend, see expire_chats.
-- Locks: SHARE ROW EXCLUSIVE on agents, organizations, users.
-- Docs: docs/schema/astra.md#chat-sessions

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.chat_sessions (
    org_id         uuid        NOT NULL,
    id             uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id       uuid        NOT NULL,
    user_id        uuid        NOT NULL,
    title          text,
    retention_days integer,
    created_at     timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT chat_sessions_pk PRIMARY KEY (org_id, id),
    CONSTRAINT chat_sessions_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT chat_sessions_agent_fk FOREIGN KEY (org_id, agent_id)
        REFERENCES astra.agents (org_id, id) ON DELETE CASCADE,
    CONSTRAINT chat_sessions_user_fk FOREIGN KEY (org_id, user_id)
        REFERENCES astra.users (org_id, id) ON DELETE CASCADE,
    CONSTRAINT chat_sessions_retention_days_ck CHECK (retention_days BETWEEN 1 AND 36500)
);

-- The sessions of an agent. Serves the reference.
CREATE INDEX chat_sessions_agent_id_ix ON astra.chat_sessions (org_id, agent_id);

-- The sessions of a person, the latest first. Serves the reference.
CREATE INDEX chat_sessions_user_id_ix ON astra.chat_sessions (org_id, user_id, created_at DESC);

-- Sessions that expire_chats looks at, of all organisations, which is why the tenant is not in it.
CREATE INDEX chat_sessions_retention_ix
    ON astra.chat_sessions (created_at) WHERE retention_days IS NOT NULL;

COMMENT ON TABLE astra.chat_sessions IS 'A conversation of a person with an agent.';
COMMENT ON COLUMN astra.chat_sessions.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.chat_sessions.id IS 'The session.';
COMMENT ON COLUMN astra.chat_sessions.agent_id IS 'The agent.';
COMMENT ON COLUMN astra.chat_sessions.user_id IS 'The person.';
COMMENT ON COLUMN astra.chat_sessions.title IS 'For people.';
COMMENT ON COLUMN astra.chat_sessions.retention_days IS
    'How many days, of 24 hours, a message is kept. NULL means for ever.';
COMMENT ON COLUMN astra.chat_sessions.created_at IS 'When the row was made.';

CREATE TRIGGER chat_sessions_guard_tg
    BEFORE INSERT ON astra.chat_sessions
    FOR EACH ROW EXECUTE FUNCTION astra.guard_chat_session();

ALTER TABLE astra.chat_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.chat_sessions FORCE ROW LEVEL SECURITY;

CREATE POLICY chat_sessions_tenant ON astra.chat_sessions
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY chat_sessions_tenant_guard ON astra.chat_sessions AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

-- Old messages of all organisations are deleted at once.
CREATE POLICY chat_sessions_service ON astra.chat_sessions
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON astra.chat_sessions TO muniment_app;
GRANT UPDATE (title, retention_days) ON astra.chat_sessions TO muniment_app;
GRANT SELECT ON astra.chat_sessions TO muniment_reader;
-- No title, and below no content: only what it takes to find, lock and delete a row.
GRANT SELECT (org_id, id, retention_days, created_at), UPDATE (retention_days)
    ON astra.chat_sessions TO muniment_service;

CREATE TABLE astra.chat_messages (
    org_id     uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    session_id uuid        NOT NULL,
    role       text        NOT NULL,
    content    text        NOT NULL,
    metadata   jsonb       NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT chat_messages_pk PRIMARY KEY (org_id, id),
    CONSTRAINT chat_messages_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT chat_messages_session_fk FOREIGN KEY (org_id, session_id)
        REFERENCES astra.chat_sessions (org_id, id) ON DELETE CASCADE,
    CONSTRAINT chat_messages_role_ck CHECK (role IN ('user', 'assistant', 'system', 'tool'))
);

-- The messages of a session in order. Serves the reference.
CREATE INDEX chat_messages_session_id_ix ON astra.chat_messages (org_id, session_id, created_at);

COMMENT ON TABLE astra.chat_messages IS 'A message of a session.';
COMMENT ON COLUMN astra.chat_messages.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.chat_messages.id IS 'The message.';
COMMENT ON COLUMN astra.chat_messages.session_id IS 'The session.';
COMMENT ON COLUMN astra.chat_messages.role IS 'Who wrote it: user, assistant, system or tool.';
COMMENT ON COLUMN astra.chat_messages.content IS 'The text.';
COMMENT ON COLUMN astra.chat_messages.metadata IS 'Further facts about it.';
COMMENT ON COLUMN astra.chat_messages.created_at IS 'When it was written.';

ALTER TABLE astra.chat_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.chat_messages FORCE ROW LEVEL SECURITY;

CREATE POLICY chat_messages_tenant ON astra.chat_messages
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY chat_messages_tenant_guard ON astra.chat_messages AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

-- Old messages of all organisations are deleted at once.
CREATE POLICY chat_messages_service ON astra.chat_messages
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT ON astra.chat_messages TO muniment_app;
GRANT SELECT ON astra.chat_messages TO muniment_reader;
GRANT SELECT (org_id, id, session_id, created_at) ON astra.chat_messages TO muniment_service;
GRANT DELETE ON astra.chat_messages TO muniment_service;

COMMIT;

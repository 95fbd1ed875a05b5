-- Deploy open_agents:chats to pg
-- requires: sessions
-- requires: forbid_renumber
--
-- A thread in a session. It counts its messages: a writer of messages takes the next number from
-- here and holds the row until it commits, so that numbers follow the order of commits.
-- Locks: SHARE ROW EXCLUSIVE on sessions.  Docs: docs/schema/open_agents.md#chats

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE open_agents.chats (
    account_id      uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id              text        NOT NULL,
    session_id      text        NOT NULL,
    title           text,
    model_id        text,
    last_message_no integer     NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT chats_pk PRIMARY KEY (account_id, id),
    CONSTRAINT chats_session_fk FOREIGN KEY (account_id, session_id)
        REFERENCES open_agents.sessions (account_id, id) ON DELETE CASCADE,
    CONSTRAINT chats_id_ck CHECK (id <> ''),
    CONSTRAINT chats_last_message_no_ck CHECK (last_message_no >= 0)
);

-- Stated: the chats of a session. Serves the reference.
CREATE INDEX chats_session_id_ix ON open_agents.chats (account_id, session_id);

COMMENT ON TABLE open_agents.chats IS 'A thread of messages in a session.';
COMMENT ON COLUMN open_agents.chats.account_id IS 'The account; that of the session.';
COMMENT ON COLUMN open_agents.chats.id IS 'The chat; whoever makes it chooses the id, a nanoid.';
COMMENT ON COLUMN open_agents.chats.session_id IS 'The session.';
COMMENT ON COLUMN open_agents.chats.title IS 'For people. NULL until it has one.';
COMMENT ON COLUMN open_agents.chats.model_id IS
    'The model that answers, for example anthropic/claude-haiku-4.5. NULL leaves it to the '
    'backend.';
COMMENT ON COLUMN open_agents.chats.last_message_no IS
    'The number of the latest message, 0 before the first. Each new message raises it by one, and '
    'nothing lowers it.';
COMMENT ON COLUMN open_agents.chats.created_at IS 'When the row was made.';
COMMENT ON COLUMN open_agents.chats.updated_at IS
    'When the row was last changed, also by a new message; a trigger sets it.';

CREATE TRIGGER chats_set_updated_at_tg
    BEFORE UPDATE ON open_agents.chats
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

CREATE TRIGGER chats_forbid_renumber_tg
    BEFORE UPDATE OF last_message_no ON open_agents.chats
    FOR EACH ROW WHEN (
        NEW.last_message_no <> OLD.last_message_no
        AND (NEW.last_message_no <> OLD.last_message_no + 1 OR pg_trigger_depth() = 0)
    )
    EXECUTE FUNCTION open_agents.forbid_renumber();

ALTER TABLE open_agents.chats ENABLE ROW LEVEL SECURITY;
ALTER TABLE open_agents.chats FORCE ROW LEVEL SECURITY;

CREATE POLICY chats_tenant ON open_agents.chats
    TO muniment_app, muniment_reader, muniment_owner
    USING (account_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (account_id = (SELECT platform.current_tenant_id()));
CREATE POLICY chats_tenant_guard ON open_agents.chats AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (account_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (account_id = (SELECT platform.current_tenant_id()));

-- The backend serves all accounts.
CREATE POLICY chats_service ON open_agents.chats
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, DELETE ON open_agents.chats TO muniment_app;
GRANT INSERT (
    account_id, id, session_id, title, model_id, updated_at
) ON open_agents.chats TO muniment_app;
GRANT UPDATE (title, model_id, last_message_no, updated_at) ON open_agents.chats TO muniment_app;
GRANT SELECT ON open_agents.chats TO muniment_reader;
GRANT SELECT, DELETE ON open_agents.chats TO muniment_service;
GRANT INSERT (
    account_id, id, session_id, title, model_id, updated_at
) ON open_agents.chats TO muniment_service;
GRANT UPDATE (
    title, model_id, last_message_no, updated_at
) ON open_agents.chats TO muniment_service;

COMMIT;

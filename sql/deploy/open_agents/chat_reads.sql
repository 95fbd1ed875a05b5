-- Deploy open_agents:chat_reads to pg
-- requires: clamp_marker
--
-- How far an account has read a chat. The marker is a number, not a time: a message that is written
-- while others are read has a later number, but may have an earlier time. mark_read() only moves it
-- forward; a client that writes it itself may also move it back, and so make messages unread.
-- Locks: SHARE ROW EXCLUSIVE on accounts, chats.  Docs: docs/schema/open_agents.md#chat-reads

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE open_agents.chat_reads (
    account_id           uuid        NOT NULL,
    chat_id              text        NOT NULL,
    last_read_message_no integer     NOT NULL DEFAULT 0,
    last_read_at         timestamptz NOT NULL DEFAULT now(),
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT chat_reads_pk PRIMARY KEY (account_id, chat_id),
    CONSTRAINT chat_reads_account_fk FOREIGN KEY (account_id)
        REFERENCES open_agents.accounts (id) ON DELETE CASCADE,
    CONSTRAINT chat_reads_chat_fk FOREIGN KEY (account_id, chat_id)
        REFERENCES open_agents.chats (account_id, id) ON DELETE CASCADE,
    CONSTRAINT chat_reads_last_read_message_no_ck CHECK (last_read_message_no >= 0)
);

COMMENT ON TABLE open_agents.chat_reads IS
    'How far an account has read a chat. No row means not at all.';
COMMENT ON COLUMN open_agents.chat_reads.account_id IS 'The account; that of the chat.';
COMMENT ON COLUMN open_agents.chat_reads.chat_id IS 'The chat.';
COMMENT ON COLUMN open_agents.chat_reads.last_read_message_no IS
    'The number of the last message that was read; all before it were too. 0 means none. A trigger '
    'keeps it from going beyond the last message.';
COMMENT ON COLUMN open_agents.chat_reads.last_read_at IS 'When that was.';
COMMENT ON COLUMN open_agents.chat_reads.created_at IS 'When the row was made.';
COMMENT ON COLUMN open_agents.chat_reads.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER chat_reads_clamp_marker_tg
    BEFORE INSERT OR UPDATE OF last_read_message_no ON open_agents.chat_reads
    FOR EACH ROW EXECUTE FUNCTION open_agents.clamp_marker();

CREATE TRIGGER chat_reads_set_updated_at_tg
    BEFORE UPDATE ON open_agents.chat_reads
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE open_agents.chat_reads ENABLE ROW LEVEL SECURITY;
ALTER TABLE open_agents.chat_reads FORCE ROW LEVEL SECURITY;

CREATE POLICY chat_reads_tenant ON open_agents.chat_reads
    TO muniment_app, muniment_reader, muniment_owner
    USING (account_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (account_id = (SELECT platform.current_tenant_id()));
CREATE POLICY chat_reads_tenant_guard ON open_agents.chat_reads AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (account_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (account_id = (SELECT platform.current_tenant_id()));

-- The backend serves all accounts.
CREATE POLICY chat_reads_service ON open_agents.chat_reads
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, DELETE ON open_agents.chat_reads TO muniment_app;
GRANT INSERT (
    account_id, chat_id, last_read_message_no, last_read_at, updated_at
) ON open_agents.chat_reads TO muniment_app;
GRANT UPDATE (
    last_read_message_no, last_read_at, updated_at
) ON open_agents.chat_reads TO muniment_app;
GRANT SELECT ON open_agents.chat_reads TO muniment_reader;
GRANT SELECT, DELETE ON open_agents.chat_reads TO muniment_service;
GRANT INSERT (
    account_id, chat_id, last_read_message_no, last_read_at, updated_at
) ON open_agents.chat_reads TO muniment_service;
GRANT UPDATE (
    last_read_message_no, last_read_at, updated_at
) ON open_agents.chat_reads TO muniment_service;

COMMIT;

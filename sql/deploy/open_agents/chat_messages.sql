-- Deploy open_agents:chat_messages to pg
-- requires: number_message
--
-- What was said in a chat. The trigger gives each message the next number of its chat, whoever
-- writes it and whatever number they name; a number is never given twice, and the key says so.
-- Parts may be rewritten while an answer streams in.
-- Locks: SHARE ROW EXCLUSIVE on chats.  Docs: docs/schema/open_agents.md#chat-messages

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE open_agents.chat_messages (
    account_id uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id         text        NOT NULL,
    chat_id    text        NOT NULL,
    message_no integer     NOT NULL,
    role       text        NOT NULL,
    parts      jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT chat_messages_pk PRIMARY KEY (account_id, id),
    CONSTRAINT chat_messages_message_no_uq UNIQUE (account_id, chat_id, message_no),
    CONSTRAINT chat_messages_chat_fk FOREIGN KEY (account_id, chat_id)
        REFERENCES open_agents.chats (account_id, id) ON DELETE CASCADE,
    CONSTRAINT chat_messages_id_ck CHECK (id <> ''),
    CONSTRAINT chat_messages_message_no_ck CHECK (message_no >= 1),
    CONSTRAINT chat_messages_role_ck CHECK (role IN ('user', 'assistant')),
    CONSTRAINT chat_messages_parts_ck CHECK (jsonb_typeof(parts) = 'array')
);

-- Stated: all messages of a chat. Serves the reference.
CREATE INDEX chat_messages_chat_id_ix ON open_agents.chat_messages (account_id, chat_id);

COMMENT ON TABLE open_agents.chat_messages IS 'A message of a chat.';
COMMENT ON COLUMN open_agents.chat_messages.account_id IS 'The account; that of the chat.';
COMMENT ON COLUMN open_agents.chat_messages.id IS
    'The message; whoever makes it chooses the id, a nanoid.';
COMMENT ON COLUMN open_agents.chat_messages.chat_id IS 'The chat.';
COMMENT ON COLUMN open_agents.chat_messages.message_no IS
    'The place in the chat, from 1; a trigger sets it. Messages are in this order, not in that of '
    'created_at.';
COMMENT ON COLUMN open_agents.chat_messages.role IS 'Who speaks: user or assistant.';
COMMENT ON COLUMN open_agents.chat_messages.parts IS 'What is said, in parts: an array.';
COMMENT ON COLUMN open_agents.chat_messages.created_at IS 'When the message was made.';

CREATE TRIGGER chat_messages_number_tg
    BEFORE INSERT ON open_agents.chat_messages
    FOR EACH ROW EXECUTE FUNCTION open_agents.number_message();

ALTER TABLE open_agents.chat_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE open_agents.chat_messages FORCE ROW LEVEL SECURITY;

CREATE POLICY chat_messages_tenant ON open_agents.chat_messages
    TO muniment_app, muniment_reader, muniment_owner
    USING (account_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (account_id = (SELECT platform.current_tenant_id()));
CREATE POLICY chat_messages_tenant_guard ON open_agents.chat_messages AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (account_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (account_id = (SELECT platform.current_tenant_id()));

-- The backend serves all accounts.
CREATE POLICY chat_messages_service ON open_agents.chat_messages
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, DELETE ON open_agents.chat_messages TO muniment_app;
GRANT INSERT (
    account_id, id, chat_id, message_no, role, parts
) ON open_agents.chat_messages TO muniment_app;
GRANT UPDATE (parts) ON open_agents.chat_messages TO muniment_app;
GRANT SELECT ON open_agents.chat_messages TO muniment_reader;
GRANT SELECT, DELETE ON open_agents.chat_messages TO muniment_service;
GRANT INSERT (
    account_id, id, chat_id, message_no, role, parts
) ON open_agents.chat_messages TO muniment_service;
GRANT UPDATE (parts) ON open_agents.chat_messages TO muniment_service;

COMMIT;

-- Deploy open_agents:number_message to pg
-- requires: chats
--
-- Numbers the messages of a chat, for every writer alike. Whoever numbers one holds the row of the
-- chat until the end of the transaction, so the next writer waits: an append that is rolled back
-- leaves no gap, and the order of numbers is that of commits. Deleting a message leaves one, and it
-- is not filled.
-- A BEFORE trigger also runs for a message that is there already, when a client writes it with ON
-- CONFLICT. That one takes no number, for which the function looks into the table that it will be a
-- trigger of. If it is there in another chat it is refused: DO NOTHING would lose the new message,
-- DO UPDATE write it over the other. Two chats that are offered the same id at the same moment do
-- not wait for each other, so there the key decides, and a number may be left out.
-- A transaction that writes to several chats takes them in the order of their ids, or two of them
-- may deadlock; and it adds to a chat before it rewrites a message there, as ON CONFLICT does. One
-- that writes thousands of messages to one chat meets all versions of its row each time: an import
-- commits every few hundred.
-- Locks: none.  Docs: docs/schema/open_agents.md#number-message

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION open_agents.number_message()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_message record;
BEGIN
    PERFORM
    FROM open_agents.chats AS c
    WHERE c.account_id = NEW.account_id
        AND c.id = NEW.chat_id
    FOR NO KEY UPDATE;

    SELECT m.chat_id, m.message_no
    INTO v_message
    FROM open_agents.chat_messages AS m
    WHERE m.account_id = NEW.account_id
        AND m.id = NEW.id;
    IF FOUND THEN
        IF v_message.chat_id <> NEW.chat_id THEN
            RAISE EXCEPTION 'message % is there with another chat', NEW.id
                USING ERRCODE = 'MU400',
                      HINT = 'Give a new message a new id.';
        END IF;
        NEW.message_no := v_message.message_no;
        RETURN NEW;
    END IF;

    UPDATE open_agents.chats AS c
    SET last_message_no = c.last_message_no + 1
    WHERE c.account_id = NEW.account_id
        AND c.id = NEW.chat_id
    RETURNING c.last_message_no INTO NEW.message_no;

    -- Without the chat, row security or the reference refuses the row, and has the better answer.
    IF NOT FOUND THEN
        NEW.message_no := 1;
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION open_agents.number_message() IS
    'Trigger function for BEFORE INSERT ... FOR EACH ROW on chat_messages: gives a new message '
    'the next number of its chat, whatever number it came with. Raises MU400 when the id is that '
    'of a message of another chat.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION open_agents.number_message() FROM PUBLIC;

COMMIT;

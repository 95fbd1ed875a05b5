-- Deploy open_agents:clamp_marker to pg
-- requires: chats
--
-- A marker beyond the last message would swallow what is to come, so it is set to the last message,
-- whoever writes it. The chat is locked as its reference would lock it, only sooner: or it might be
-- removed and made anew after its last message was looked up. For that lock no writer of messages
-- waits, nor it for them. Who moves a marker has its row, and so keeps the chat from going; to lock
-- the chat after it would be to wait in a circle with whoever removes both.
-- Locks: none.  Docs: docs/schema/open_agents.md#clamp-marker

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION open_agents.clamp_marker()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_message_no integer;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM
        FROM open_agents.chats AS c
        WHERE c.account_id = NEW.account_id
            AND c.id = NEW.chat_id
        FOR KEY SHARE;
    END IF;

    SELECT c.last_message_no
    INTO v_message_no
    FROM open_agents.chats AS c
    WHERE c.account_id = NEW.account_id
        AND c.id = NEW.chat_id;

    -- Without the chat, row security or the reference refuses the row, and has the better answer.
    IF FOUND THEN
        NEW.last_read_message_no := least(NEW.last_read_message_no, v_message_no);
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION open_agents.clamp_marker() IS
    'Trigger function for chat_reads: a marker beyond the last message of its chat is set to that '
    'one. Raises nothing.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION open_agents.clamp_marker() FROM PUBLIC;

COMMIT;

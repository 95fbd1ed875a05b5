-- Deploy open_agents:append_message to pg
-- requires: chat_messages
--
-- What a client calls that may have to call again: a message which is already there is not written
-- twice. The row of the chat is locked first, as the trigger that numbers would, so of two calls
-- with the same message the later one finds what the earlier one wrote.
-- Locks: none.  Docs: docs/schema/open_agents.md#append-message

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION open_agents.append_message(
    p_chat_id text,
    p_message_id text,
    p_role text,
    p_parts jsonb
)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_account_id CONSTANT uuid := platform.current_tenant_id();
    v_message    record;
    v_message_no integer;
BEGIN
    PERFORM
    FROM open_agents.chats AS c
    WHERE c.account_id = v_account_id
        AND c.id = p_chat_id
    FOR NO KEY UPDATE;

    SELECT m.message_no, m.chat_id, m.role, m.parts
    INTO v_message
    FROM open_agents.chat_messages AS m
    WHERE m.account_id = v_account_id
        AND m.id = p_message_id;
    IF FOUND THEN
        IF (v_message.chat_id, v_message.role, v_message.parts)
            IS DISTINCT FROM (p_chat_id, p_role, p_parts)
        THEN
            RAISE EXCEPTION 'message % is there with another chat, role or parts', p_message_id
                USING ERRCODE = 'MU400',
                      HINT = 'Give a new message a new id; rewrite the parts of one with UPDATE.';
        END IF;
        RETURN v_message.message_no;
    END IF;

    INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts)
    VALUES (v_account_id, p_message_id, p_chat_id, p_role, p_parts)
    RETURNING message_no INTO v_message_no;

    RETURN v_message_no;
END;
$function$;

COMMENT ON FUNCTION open_agents.append_message(text, text, text, jsonb) IS
    'Adds a message (role user or assistant, parts an array) to the end of a chat and returns its '
    'number there. The same message again is not added again: the number that it has is returned. '
    'Raises MU400 when the id is that of another message, 23503 when the account has no such '
    'chat, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION open_agents.append_message(text, text, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_agents.append_message(text, text, text, jsonb) TO muniment_app;

COMMIT;

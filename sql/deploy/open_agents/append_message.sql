-- Deploy open_agents:append_message to pg
-- requires: chat_messages
--
-- What a client calls that may have to call again: a message which is already there is not written
-- twice. The trigger that numbers locks the chat first, so of two calls with the same message the
-- later one finds what the earlier one wrote.
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
    v_message_no integer;
BEGIN
    INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts)
    VALUES (v_account_id, p_message_id, p_chat_id, p_role, p_parts)
    ON CONFLICT (account_id, id) DO NOTHING
    RETURNING message_no INTO v_message_no;
    IF FOUND THEN
        RETURN v_message_no;
    END IF;

    SELECT m.message_no
    INTO v_message_no
    FROM open_agents.chat_messages AS m
    WHERE m.account_id = v_account_id
        AND m.id = p_message_id
        AND m.chat_id = p_chat_id
        AND m.role = p_role
        AND m.parts = p_parts;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'message % is there with another chat, role or parts', p_message_id
            USING ERRCODE = 'MU400',
                  HINT = 'Give a new message a new id; rewrite the parts of one with UPDATE.';
    END IF;

    RETURN v_message_no;
END;
$function$;

COMMENT ON FUNCTION open_agents.append_message(text, text, text, jsonb) IS
    'Adds a message (role user or assistant, parts an array) to the end of a chat and returns its '
    'number there. The same message again is not added again: the number that it has is returned. '
    'Raises MU400 when the id is that of another message, 23503 when the account has no such '
    'chat, 23514 for any other role or parts or an empty id, 23502 without one of them, 42501 when '
    'no tenant is set.';

REVOKE ALL ON FUNCTION open_agents.append_message(text, text, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_agents.append_message(text, text, text, jsonb) TO muniment_app;

COMMIT;

-- Deploy open_agents:mark_read to pg
-- requires: chat_reads
--
-- The marker only goes forward, so that of two windows the one that is behind does not make
-- messages unread. That it does not go beyond the last message, the trigger sees to, so to read all
-- is to ask for more than there can be. It waits for no writer of messages, nor they for it.
-- Locks: none.  Docs: docs/schema/open_agents.md#mark-read

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION open_agents.mark_read(p_chat_id text, p_message_no integer DEFAULT NULL)
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
    INSERT INTO open_agents.chat_reads AS r (account_id, chat_id, last_read_message_no)
    VALUES (v_account_id, p_chat_id, coalesce(p_message_no, 2147483647))
    ON CONFLICT (account_id, chat_id) DO UPDATE
    SET last_read_message_no = excluded.last_read_message_no,
        last_read_at = excluded.last_read_at
    WHERE r.last_read_message_no < excluded.last_read_message_no
    RETURNING r.last_read_message_no INTO v_message_no;
    IF FOUND THEN
        RETURN v_message_no;
    END IF;

    SELECT r.last_read_message_no
    INTO v_message_no
    FROM open_agents.chat_reads AS r
    WHERE r.account_id = v_account_id
        AND r.chat_id = p_chat_id;

    RETURN v_message_no;
END;
$function$;

COMMENT ON FUNCTION open_agents.mark_read(text, integer) IS
    'Marks a chat as read up to the message of a number, or without one up to its last message, '
    'and returns the number up to which it is read now: never less than before, never more than '
    'the last message has. Raises 23503 when the account has no such chat, 23514 when the number '
    'is negative, 23502 without a chat, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION open_agents.mark_read(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_agents.mark_read(text, integer) TO muniment_app;

COMMIT;

-- Deploy open_agents:unread_counts to pg
-- requires: chat_messages
-- requires: chat_reads
--
-- Only what the assistant says can be unread: the other messages are the account's own. A chat
-- whose marker is at its last message is not looked into, and of the others only what is new: the
-- marker is a CASE, because row security lets no COALESCE into an index condition, and the upper
-- end is named, because the planner expects a third of the chat without it.
-- Locks: none.  Docs: docs/schema/open_agents.md#unread-counts

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION open_agents.unread_counts()
RETURNS TABLE (session_id text, chat_id text, unread_count integer)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_account_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    RETURN QUERY
    SELECT c.session_id, c.id, unread.message_count
    FROM open_agents.chats AS c
    LEFT JOIN open_agents.chat_reads AS r
        ON r.account_id = v_account_id
        AND r.chat_id = c.id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN r.chat_id IS NULL THEN 0 ELSE r.last_read_message_no END
    ) AS marker (message_no)
    CROSS JOIN LATERAL (
        SELECT count(*)::integer
        FROM open_agents.chat_messages AS m
        WHERE m.account_id = v_account_id
            AND m.chat_id = c.id
            AND m.message_no > marker.message_no
            AND m.message_no <= c.last_message_no
            AND m.role = 'assistant'
    ) AS unread (message_count)
    WHERE c.account_id = v_account_id
        AND c.last_message_no > marker.message_no
        AND unread.message_count > 0;
END;
$function$;

COMMENT ON FUNCTION open_agents.unread_counts() IS
    'The chats of the account in which the assistant said something after the last message that '
    'was read: session, chat, and how many messages. Chats without are left out. Raises 42501 when '
    'no tenant is set.';

REVOKE ALL ON FUNCTION open_agents.unread_counts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_agents.unread_counts() TO muniment_app, muniment_reader;

COMMIT;

-- Deploy astra:guard_chat_session to pg
-- requires: agents
--
-- An agent that no longer chats keeps the sessions that it has; it only gets no new ones.
-- Locks: none.  Docs: docs/schema/astra.md#guard-chat-session

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.guard_chat_session()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM
    FROM astra.agents AS a
    WHERE a.org_id = NEW.org_id
        AND a.id = NEW.agent_id
        AND NOT a.chat_capable;
    IF FOUND THEN
        RAISE EXCEPTION 'agent_id %: the agent does not chat', NEW.agent_id
            USING ERRCODE = 'MU420',
                  HINT = 'Choose an agent with chat_capable.';
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION astra.guard_chat_session() IS
    'Trigger function of chat_sessions: refuses a session with an agent that is not chat_capable. '
    'Raises MU420.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.guard_chat_session() FROM PUBLIC;

COMMIT;

-- Deploy agents:guard_chat_session to pg
-- requires: chat_session
--
-- The numbering of a conversation only goes on, and only while it is open; what is archived stays
-- archived.
-- Locks: SHARE ROW EXCLUSIVE on chat_session.  Docs: docs/schema/agents.md#guard-chat-session

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.guard_chat_session()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF NEW.last_turn_no < OLD.last_turn_no THEN
        RAISE EXCEPTION 'session %: turn % is counted already', OLD.session_id, OLD.last_turn_no
            USING ERRCODE = 'MU103',
                  HINT = 'The number of the latest turn only rises.';
    END IF;

    IF NEW.last_turn_no > OLD.last_turn_no AND OLD.status <> 'open' THEN
        RAISE EXCEPTION 'session % is %', OLD.session_id, OLD.status
            USING ERRCODE = 'MU104',
                  HINT = 'Set its status to open and closed_at to NULL, or open another.';
    END IF;

    IF OLD.status = 'archived' AND NEW.status <> 'archived' THEN
        RAISE EXCEPTION 'session % is archived', OLD.session_id
            USING ERRCODE = 'MU103',
                  HINT = 'Open another.';
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION agents.guard_chat_session() IS
    'Trigger function: the numbering of a conversation only goes on. Raises MU103 when it would go'
    ' back or an archived session would open, MU104 when a turn is added to one that is not open.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION agents.guard_chat_session() FROM PUBLIC;

CREATE TRIGGER chat_session_guard_tg
    BEFORE UPDATE ON agents.chat_session
    FOR EACH ROW EXECUTE FUNCTION agents.guard_chat_session();

COMMIT;

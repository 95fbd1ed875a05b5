-- Deploy open_agents:forbid_renumber to pg
-- requires: schema
--
-- The writer of a message needs the right to raise the count of its chat, and with it could set the
-- count to anything. A number that is given twice would pass for read, and one that is left out for
-- a message that was deleted. So the count goes one further where number_message() counts, and
-- nowhere else.
-- Locks: none.  Docs: docs/schema/open_agents.md#forbid-renumber

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION open_agents.forbid_renumber()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RAISE EXCEPTION 'last_message_no of chat % cannot go from % to %',
        OLD.id, OLD.last_message_no, NEW.last_message_no
        USING ERRCODE = 'MU401',
              HINT = 'Write the message: that takes the next number.';
END;
$function$;

COMMENT ON FUNCTION open_agents.forbid_renumber() IS
    'Trigger function for chats, where last_message_no would not rise by one, or not for a '
    'message. Always raises MU401.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION open_agents.forbid_renumber() FROM PUBLIC;

COMMIT;

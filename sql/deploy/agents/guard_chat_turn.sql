-- Deploy agents:guard_chat_turn to pg
-- requires: chat_turn
--
-- A turn never changes, but its body can be taken away: then hash and length stay, and a row of
-- agents.redaction says who did it, why and when.
-- Locks: SHARE ROW EXCLUSIVE on chat_turn.  Docs: docs/schema/agents.md#guard-chat-turn

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.guard_chat_turn()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_redacted agents.chat_turn := OLD;
BEGIN
    v_redacted.content_storage := 'redacted';
    v_redacted.content_inline := NULL;
    v_redacted.content_s3_key := NULL;
    v_redacted.content_preview := NULL;

    IF OLD.content_storage IS NULL
        OR OLD.content_storage = 'redacted'
        OR NEW IS DISTINCT FROM v_redacted
    THEN
        RAISE EXCEPTION 'turn % does not change', OLD.turn_id
            USING ERRCODE = 'MU001',
                  HINT = 'Its body can be taken away once: agents.redact_turn().';
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION agents.guard_chat_turn() IS
    'Trigger function: all that may happen to a turn is that its body is redacted. Raises MU001 '
    'otherwise.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION agents.guard_chat_turn() FROM PUBLIC;

CREATE TRIGGER chat_turn_guard_tg
    BEFORE UPDATE ON agents.chat_turn
    FOR EACH ROW EXECUTE FUNCTION agents.guard_chat_turn();

COMMIT;

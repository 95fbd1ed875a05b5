-- Deploy agents:chat_session_digest to pg
-- requires: chat_session
--
-- Of a conversation only what never changes: it goes on after the run.
-- The text of an array of the columns, hashed: times as seconds since 1970 with six decimals and
-- bytes in hex, so that no setting of a session changes it; not of a row, which is quoted as the
-- locale of the server has it. Part of seal format 1: another list of columns is another format.
-- Locks: none.  Docs: docs/schema/agents.md#chat-session-digest

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.chat_session_digest(p_session agents.chat_session)
RETURNS bytea
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN sha256(convert_to(
        ARRAY[
            p_session.firm_id::text, p_session.session_id::text, p_session.subject_type,
            p_session.subject_id, p_session.actor_type, p_session.actor_id, p_session.channel,
            extract(epoch FROM p_session.created_at)::text, p_session.idempotency_key
        ]::text,
        'UTF8'
    ));
END;
$function$;

COMMENT ON FUNCTION agents.chat_session_digest(agents.chat_session) IS
    'SHA-256 of what a seal covers of a row of agents.chat_session. Raises nothing.';

REVOKE ALL ON FUNCTION agents.chat_session_digest(agents.chat_session) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.chat_session_digest(agents.chat_session)
    TO muniment_app, muniment_reader, muniment_service;

COMMIT;

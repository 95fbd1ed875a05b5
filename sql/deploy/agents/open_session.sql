-- Deploy agents:open_session to pg
-- requires: guard_chat_session
-- requires: platform:enter_tenant
--
-- A session is found again by its key, or by an id that its writer made, so opening it twice is
-- harmless. Two who open it at once wait for each other and get the same one.
-- Locks: none.  Docs: docs/schema/agents.md#open-session

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.open_session(
    p_firm_id uuid,
    p_session_id uuid DEFAULT NULL,
    p_idempotency_key text DEFAULT NULL,
    p_subject_type text DEFAULT NULL,
    p_subject_id text DEFAULT NULL,
    p_actor_type text DEFAULT NULL,
    p_actor_id text DEFAULT NULL,
    p_channel text DEFAULT NULL,
    p_title text DEFAULT NULL,
    p_metadata jsonb DEFAULT '{}'
)
RETURNS TABLE (
    session_id uuid,
    last_turn_no integer,
    created_at timestamptz,
    is_new boolean
)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_session agents.chat_session;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    INSERT INTO agents.chat_session AS s (
        firm_id, session_id, idempotency_key, subject_type, subject_id, actor_type, actor_id,
        channel, title, metadata
    )
    VALUES (
        p_firm_id,
        coalesce(p_session_id, platform.uuid_generate_v7()),
        p_idempotency_key,
        p_subject_type,
        p_subject_id,
        p_actor_type,
        p_actor_id,
        p_channel,
        p_title,
        p_metadata
    )
    ON CONFLICT DO NOTHING
    RETURNING s.*
    INTO v_session;

    is_new := FOUND;
    IF NOT is_new THEN
        SELECT s.*
        INTO v_session
        FROM agents.chat_session AS s
        WHERE s.firm_id = p_firm_id
            AND (s.session_id = p_session_id OR s.idempotency_key = p_idempotency_key)
        ORDER BY s.idempotency_key = p_idempotency_key DESC NULLS LAST
        LIMIT 1;

        -- The title is for people, and who opens it again may know more in metadata.
        IF ROW(
            v_session.idempotency_key, v_session.subject_type, v_session.subject_id,
            v_session.actor_type, v_session.actor_id, v_session.channel
        ) IS DISTINCT FROM ROW(
            p_idempotency_key, p_subject_type, p_subject_id, p_actor_type, p_actor_id, p_channel
        )
            OR v_session.session_id <> p_session_id
        THEN
            RAISE EXCEPTION '%: session % is another one',
                CASE
                    WHEN v_session.session_id = p_session_id THEN 'p_session_id'
                    ELSE 'p_idempotency_key'
                END,
                v_session.session_id
                USING ERRCODE = 'MU113',
                      HINT = 'Give another session a key and an id of its own.';
        END IF;
    END IF;

    session_id := v_session.session_id;
    last_turn_no := v_session.last_turn_no;
    created_at := v_session.created_at;
    RETURN NEXT;
END;
$function$;

COMMENT ON FUNCTION agents.open_session(
    uuid, uuid, text, text, text, text, text, text, text, jsonb
) IS
    'Opens a session, or finds the one that has this idempotency key or id; one that was closed '
    'stays closed. Raises MU113 when that has another id, key, subject, actor or channel; 23502 '
    'without metadata; 23514 by the name of a CHECK; 40001 when another transaction has just '
    'opened it and this one, above READ COMMITTED, does not see it; 42501 and 22004 as '
    'platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.open_session(
    uuid, uuid, text, text, text, text, text, text, text, jsonb
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.open_session(
    uuid, uuid, text, text, text, text, text, text, text, jsonb
) TO muniment_app;

COMMIT;

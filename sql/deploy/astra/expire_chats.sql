-- Deploy astra:expire_chats to pg
-- requires: chat_sessions
--
-- For the backend, over all organisations. A session stays, without its old messages: its title is
-- no message. Two at once share the work: a session that one has locked, the other skips. A day
-- here has 24 hours: calendar days are those of the time zone of whoever calls, and with a change
-- of clocks between, an hour longer or shorter.
-- Locks: the sessions whose messages it deletes; skips what is locked.
-- Docs: docs/schema/astra.md#expire-chats

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.expire_chats(p_limit integer DEFAULT 1000)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_count bigint;
BEGIN
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION 'p_limit is not a number of messages'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass a positive number.';
    END IF;

    WITH due AS MATERIALIZED (
        SELECT
            s.org_id,
            s.id,
            kept.since
        FROM astra.chat_sessions AS s
        CROSS JOIN LATERAL (
            SELECT now() - make_interval(hours => 24 * s.retention_days)
        ) AS kept (since)
        WHERE s.retention_days IS NOT NULL
            AND EXISTS (
                SELECT
                FROM astra.chat_messages AS m
                WHERE m.org_id = s.org_id
                    AND m.session_id = s.id
                    AND m.created_at < kept.since
            )
        ORDER BY s.created_at
        LIMIT p_limit
        FOR NO KEY UPDATE OF s SKIP LOCKED
    ),
    expired AS (
        SELECT
            m.org_id,
            m.id
        FROM due AS d
        INNER JOIN astra.chat_messages AS m
            ON m.org_id = d.org_id AND m.session_id = d.id AND m.created_at < d.since
        LIMIT p_limit
    )
    DELETE FROM astra.chat_messages AS m
    USING expired AS e
    WHERE m.org_id = e.org_id
        AND m.id = e.id;
    GET DIAGNOSTICS v_count = ROW_COUNT;

    RETURN v_count;
END;
$function$;

COMMENT ON FUNCTION astra.expire_chats(integer) IS
    'Deletes messages that are older than retention_days of their session, each of 24 hours, of '
    'all organisations, at most p_limit. Returns how many; call it again until that is less than '
    'p_limit. Raises 22023 when p_limit is not positive.';

REVOKE ALL ON FUNCTION astra.expire_chats(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.expire_chats(integer) TO muniment_service;

COMMIT;

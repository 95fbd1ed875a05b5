-- Deploy astra:expire_chats to pg
-- requires: chat_sessions
--
-- For the backend, over all organisations. A session stays, without its old messages: its title is
-- no message. Two at once share the work: a session that one has locked, the other skips.
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
    WITH due AS MATERIALIZED (
        SELECT
            s.org_id,
            s.id,
            now() - make_interval(days => s.retention_days) AS since
        FROM astra.chat_sessions AS s
        WHERE s.retention_days IS NOT NULL
            AND EXISTS (
                SELECT
                FROM astra.chat_messages AS m
                WHERE m.org_id = s.org_id
                    AND m.session_id = s.id
                    AND m.created_at < now() - make_interval(days => s.retention_days)
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
    'Deletes messages that are older than retention_days of their session, of all organisations, '
    'at most p_limit. Returns how many; call it again until that is less than p_limit. Raises '
    'nothing.';

REVOKE ALL ON FUNCTION astra.expire_chats(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.expire_chats(integer) TO muniment_service;

COMMIT;

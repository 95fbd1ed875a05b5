-- Deploy astra:expire_memories to pg
-- requires: memories
--
-- For the backend, over all organisations. Two at once share the work: what one has locked, the
-- other skips.
-- Locks: the memories that it deletes; skips what is locked.
-- Docs: docs/schema/astra.md#expire-memories

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.expire_memories(p_limit integer DEFAULT 1000)
RETURNS bigint
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH expired AS MATERIALIZED (
        SELECT
            m.org_id,
            m.id
        FROM astra.memories AS m
        WHERE m.expires_at <= now()
        ORDER BY m.expires_at
        LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    ),
    forgotten AS (
        DELETE FROM astra.memories AS m
        USING expired AS e
        WHERE m.org_id = e.org_id
            AND m.id = e.id
        RETURNING m.id
    )
    SELECT count(*)
    FROM forgotten;
$function$;

COMMENT ON FUNCTION astra.expire_memories(integer) IS
    'Deletes memories whose time has come, of all organisations, at most p_limit, those due '
    'longest first. Returns how many; call it again until that is less than p_limit. Raises '
    'nothing.';

REVOKE ALL ON FUNCTION astra.expire_memories(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.expire_memories(integer) TO muniment_service;

COMMIT;

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
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_count bigint;
BEGIN
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION 'p_limit is not a number of memories'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass a positive number.';
    END IF;

    WITH expired AS MATERIALIZED (
        SELECT
            m.org_id,
            m.id
        FROM astra.memories AS m
        WHERE m.expires_at <= now()
        ORDER BY m.expires_at
        LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    )
    DELETE FROM astra.memories AS m
    USING expired AS e
    WHERE m.org_id = e.org_id
        AND m.id = e.id;
    GET DIAGNOSTICS v_count = ROW_COUNT;

    RETURN v_count;
END;
$function$;

COMMENT ON FUNCTION astra.expire_memories(integer) IS
    'Deletes memories whose time has come, of all organisations, at most p_limit, those due '
    'longest first. Returns how many; call it again until that is less than p_limit. Raises 22023 '
    'when p_limit is not positive.';

REVOKE ALL ON FUNCTION astra.expire_memories(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.expire_memories(integer) TO muniment_service;

COMMIT;

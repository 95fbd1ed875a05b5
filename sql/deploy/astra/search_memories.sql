-- Deploy astra:search_memories to pg
-- requires: memories
--
-- The memories of one agent are compared one by one, through the index on the agent. An HNSW index
-- is of all organisations: it would find the nearest of everybody first and throw most of them
-- away, and so miss the nearest of this agent. The measurement is in docs/decisions/astra.md.
-- Locks: none.  Docs: docs/schema/astra.md#search-memories

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.search_memories(
    p_agent_id uuid, p_embedding platform.vector, p_limit integer DEFAULT 10,
    p_memory_type text DEFAULT NULL
)
RETURNS TABLE (memory_id uuid, memory_type text, content text, distance double precision)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION 'p_limit is not a number of memories'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass a positive number.';
    END IF;
    -- Everything is equally near to what has no direction, so an answer would be any memories.
    IF p_embedding IS NULL OR platform.vector_norm(p_embedding) = 0 THEN
        RAISE EXCEPTION 'p_embedding is NULL or has no direction'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass an embedding that is not all zeros.';
    END IF;

    RETURN QUERY
    SELECT
        m.id,
        m.memory_type,
        m.content,
        m.embedding OPERATOR(platform.<=>) p_embedding
    FROM astra.memories AS m
    WHERE m.org_id = (SELECT platform.current_tenant_id())
        AND m.agent_id = p_agent_id
        AND m.embedding IS NOT NULL
        AND (p_memory_type IS NULL OR m.memory_type = p_memory_type)
        AND (m.expires_at IS NULL OR m.expires_at > now())
    ORDER BY 4, 1
    LIMIT p_limit;
END;
$function$;

COMMENT ON FUNCTION astra.search_memories(uuid, platform.vector, integer, text) IS
    'The memories of an agent nearest to an embedding, by cosine distance (0 is the same, 2 the '
    'opposite), the nearest first: at most p_limit, of one type or of both, without what has '
    'expired. Raises 42501 when no tenant is set, 22000 when p_embedding has not 1536 dimensions, '
    '22023 when it is NULL or all zeros, or p_limit is not positive.';

REVOKE ALL ON FUNCTION astra.search_memories(uuid, platform.vector, integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.search_memories(uuid, platform.vector, integer, text)
    TO muniment_app, muniment_reader;

COMMIT;

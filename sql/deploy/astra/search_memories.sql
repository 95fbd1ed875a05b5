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
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT
        m.id,
        m.memory_type,
        m.content,
        m.embedding OPERATOR(platform.<=>) p_embedding AS distance
    FROM astra.memories AS m
    WHERE m.org_id = (SELECT platform.current_tenant_id())
        AND m.agent_id = p_agent_id
        AND m.embedding IS NOT NULL
        AND (p_memory_type IS NULL OR m.memory_type = p_memory_type)
        AND (m.expires_at IS NULL OR m.expires_at > now())
    ORDER BY distance, m.id
    LIMIT p_limit;
$function$;

COMMENT ON FUNCTION astra.search_memories(uuid, platform.vector, integer, text) IS
    'The memories of an agent nearest to an embedding, by cosine distance (0 is the same, 2 the '
    'opposite), the nearest first: at most p_limit, of one type or of both, without what has '
    'expired. Raises 42501 when no tenant is set, 22000 when p_embedding has not 1536 dimensions.';

REVOKE ALL ON FUNCTION astra.search_memories(uuid, platform.vector, integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.search_memories(uuid, platform.vector, integer, text)
    TO muniment_app, muniment_reader;

COMMIT;

-- Deploy goclaw:search_vault to pg
-- requires: vault_documents
--
-- The same search as search_memory(), over files: its own are open to an agent, besides them those
-- of its team and those of the whole tenant.
-- Locks: none.  Docs: docs/schema/goclaw.md#search-vault

BEGIN;

SET LOCAL ROLE muniment_owner;

-- Loads the library: while the settings below are of nobody, only a superuser may put them into a
-- function. So must whoever restores a dump of it.
DO $load$
BEGIN
    PERFORM platform.vector_dims('[1]'::platform.vector);
    IF current_setting('hnsw.iterative_scan', true) IS NULL THEN
        RAISE EXCEPTION 'the extension vector is older than 0.8'
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Install pgvector 0.8 or later, then ALTER EXTENSION vector UPDATE.';
    END IF;
END;
$load$;

CREATE FUNCTION goclaw.search_vault(
    p_agent_id  uuid,
    p_query     text,
    p_embedding platform.vector,
    p_team_id   uuid DEFAULT NULL,
    p_chat_id   text DEFAULT NULL,
    p_limit     integer DEFAULT 10
)
RETURNS TABLE (
    document_id uuid,
    scope       text,
    path        text,
    title       text,
    doc_type    text,
    summary     text,
    text_rank   bigint,
    vector_rank bigint,
    score       double precision
)
LANGUAGE plpgsql
STABLE
PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
-- Index or scope first: that depends on how much of the table the scope is, so on its values.
SET plan_cache_mode = force_custom_plan
-- The index knows no scope. Without this it would stop after hnsw.ef_search rows of anybody.
SET hnsw.iterative_scan = relaxed_order
SET hnsw.ef_search = 100
-- Vectors lie outside of their rows, a read each that the planner does not count: with the default
-- it would compute all distances of 10,000 documents, 20 times as slow as the index.
SET random_page_cost = 1.1
-- The way around the index counts as if it were always taken: a large scope would be compiled for.
SET jit = off
AS $function$
DECLARE
    -- Of reciprocal rank fusion: Cormack, Clarke and Buettcher, SIGIR 2009, found 60 to be good.
    c_k          CONSTANT integer := 60;
    v_tenant_id  CONSTANT uuid := platform.current_tenant_id();
    v_query      CONSTANT tsquery := websearch_to_tsquery('simple', p_query);
    -- What both lists have in the middle can come before what one has at its head.
    v_candidates CONSTANT integer := greatest(40, 4 * least(p_limit, 100));
BEGIN
    IF (p_limit BETWEEN 1 AND 100) IS NOT TRUE THEN
        RAISE EXCEPTION 'p_limit is not from 1 to 100'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Ask for the few documents that fit into a prompt.';
    END IF;
    IF p_query IS NULL AND p_embedding IS NULL THEN
        RAISE EXCEPTION 'p_query and p_embedding are both null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Pass words, a vector, or both.';
    END IF;
    -- What is too short or too long for its square has no distance, not even to itself.
    IF platform.vector_dims(p_embedding) <> 1536
        OR (p_embedding OPERATOR(platform.<=>) p_embedding) > 1
    THEN
        RAISE EXCEPTION 'p_embedding has not 1536 dimensions, or no direction'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Embed the query with the model that embedded the vault.';
    END IF;

    RETURN QUERY
    WITH scope AS NOT MATERIALIZED (
        SELECT d.id, d.tsv, d.embedding
        FROM goclaw.vault_documents AS d
        WHERE d.tenant_id = v_tenant_id
            AND (d.agent_id IS NULL OR d.agent_id = p_agent_id)
            AND (d.team_id IS NULL OR d.team_id = p_team_id)
            AND (d.chat_id IS NULL OR d.chat_id = p_chat_id)
            AND d.scope <> 'custom'
            AND d.custom_scope IS NULL
    ),
    -- Words that must not be there give no rank: what has only that is found by nothing.
    said AS (
        SELECT ranked.id, ranked.place
        FROM (
            SELECT
                s.id,
                ts_rank_cd(s.tsv, v_query) AS rank,
                row_number() OVER (ORDER BY ts_rank_cd(s.tsv, v_query) DESC, s.id) AS place
            FROM scope AS s
            WHERE s.tsv @@ v_query
            ORDER BY place
            LIMIT v_candidates
        ) AS ranked
        WHERE ranked.rank > 0
    ),
    near AS MATERIALIZED (
        SELECT
            s.id,
            s.embedding OPERATOR(platform.<=>) p_embedding AS distance
        FROM scope AS s
        WHERE p_embedding IS NOT NULL
            AND s.embedding IS NOT NULL
        ORDER BY s.embedding OPERATOR(platform.<=>) p_embedding
        LIMIT v_candidates
    ),
    -- The index gives up after hnsw.max_scan_tuples rows of anybody, or when its memory is used up.
    -- Then all distances in the scope are computed, which no index orders by.
    nearest AS (
        SELECT n.id, n.distance
        FROM near AS n
        WHERE (SELECT count(*) FROM near) >= v_candidates
        UNION ALL
        (
            SELECT
                s.id,
                s.embedding OPERATOR(platform.<=>) p_embedding
            FROM scope AS s
            WHERE p_embedding IS NOT NULL
                AND s.embedding IS NOT NULL
                AND (SELECT count(*) FROM near) < v_candidates
            ORDER BY (s.embedding OPERATOR(platform.<=>) p_embedding) + 0, s.id
            LIMIT v_candidates
        )
    ),
    meant AS (
        SELECT
            n.id,
            row_number() OVER (ORDER BY n.distance, n.id) AS place
        FROM nearest AS n
    ),
    fused AS (
        SELECT
            id,
            said.place AS text_rank,
            meant.place AS vector_rank,
            coalesce(1.0::double precision / (c_k + said.place), 0)
                + coalesce(1.0::double precision / (c_k + meant.place), 0) AS score
        FROM said
        FULL JOIN meant USING (id)
        ORDER BY score DESC, id
        LIMIT p_limit
    )
    SELECT
        d.id,
        d.scope,
        d.path,
        d.title,
        d.doc_type,
        d.summary,
        fused.text_rank,
        fused.vector_rank,
        fused.score
    FROM fused
    INNER JOIN goclaw.vault_documents AS d ON d.tenant_id = v_tenant_id AND d.id = fused.id
    ORDER BY fused.score DESC, d.id;
END;
$function$;

COMMENT ON FUNCTION goclaw.search_vault(uuid, text, platform.vector, uuid, text, integer) IS
    'The documents that fit best among those an agent may see: those with all words of p_query '
    '(quotes, or and - as in a web search; - alone finds nothing) in title, path or summary, and '
    'those near p_embedding (cosine), fused by reciprocal rank. Either may be NULL. Searches what '
    'is shared, what is personal to p_agent_id, and with p_team_id what is of that team; of what '
    'is for one chat, that of p_chat_id; nothing that has a custom scope. Returns at most p_limit '
    '(1 to 100) documents, the best first, equals by id, with their place in either list and '
    'their score. Raises 22004 when there is neither text nor vector, 22023 when limit or vector '
    'cannot be, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION goclaw.search_vault(uuid, text, platform.vector, uuid, text, integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.search_vault(uuid, text, platform.vector, uuid, text, integer)
    TO muniment_app, muniment_reader;

COMMIT;

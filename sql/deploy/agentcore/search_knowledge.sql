-- Deploy agentcore:search_knowledge to pg
-- requires: chunk
--
-- A chunk is found by its text and by the questions that it answers. The nearest of either are
-- ranked apart, and ranks are fused (reciprocal rank fusion with k = 60), since distances to a text
-- and to a question are not of one scale. The vectors of all departments share an index:
-- iterative_scan goes on in it where a plain scan would stop short; where it gives up too, all
-- distances of the department are computed. The setting cannot be part of the function, since
-- pgvector knows it from version 0.8 on, and a session only once the library is loaded; it is set
-- for the search and set back. A chunk whose questions are all beyond the nearest 16 * p_limit (160
-- at least) is not found by them.
-- Locks: none.  Docs: docs/schema/agentcore.md#search-knowledge

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.search_knowledge(
    p_knowledge_base_ids uuid[], p_embedding platform.vector, p_limit integer DEFAULT 10
)
RETURNS TABLE (
    rank integer,
    chunk_id uuid,
    document_id uuid,
    content text,
    question text,
    distance double precision,
    score double precision
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    v_department_id CONSTANT uuid := platform.current_tenant_id();
    v_candidates    integer;
    v_scan          text;
BEGIN
    IF (p_limit BETWEEN 1 AND 100) IS NOT TRUE THEN
        RAISE EXCEPTION 'limit is out of range: %', coalesce(p_limit::text, 'null')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Ask for 1 to 100 chunks.';
    END IF;
    v_candidates := greatest(4 * p_limit, 40);

    IF p_embedding IS NULL THEN
        RAISE EXCEPTION 'embedding is null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Pass the embedding of what is looked for.';
    END IF;
    -- Also loads the library, as any function of it would.
    IF platform.vector_norm(p_embedding) = 0 THEN
        RAISE EXCEPTION 'embedding has no direction'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass an embedding that is not all zeros.';
    END IF;
    v_scan := current_setting('hnsw.iterative_scan', true);
    IF v_scan IS NOT NULL THEN
        PERFORM set_config('hnsw.iterative_scan', 'strict_order', true);
    END IF;

    RETURN QUERY
    WITH text_scope AS NOT MATERIALIZED (
        SELECT c.id AS chunk_id, c.embedding
        FROM agentcore.chunk AS c
        INNER JOIN agentcore.document AS d
            ON d.department_id = c.department_id AND d.id = c.document_id
        WHERE c.department_id = v_department_id
            AND c.embedding IS NOT NULL
            AND d.department_id = v_department_id
            AND d.knowledge_base_id = ANY (p_knowledge_base_ids)
            AND d.status = 'ready'
    ),
    question_scope AS NOT MATERIALIZED (
        SELECT q.chunk_id, q.question, q.embedding
        FROM agentcore.chunk_question AS q
        INNER JOIN agentcore.chunk AS c ON c.department_id = q.department_id AND c.id = q.chunk_id
        INNER JOIN agentcore.document AS d
            ON d.department_id = c.department_id AND d.id = c.document_id
        WHERE q.department_id = v_department_id
            AND q.embedding IS NOT NULL
            AND d.department_id = v_department_id
            AND d.knowledge_base_id = ANY (p_knowledge_base_ids)
            AND d.status = 'ready'
    ),
    indexed_text AS MATERIALIZED (
        SELECT s.chunk_id, s.embedding OPERATOR(platform.<=>) p_embedding AS distance
        FROM text_scope AS s
        ORDER BY s.embedding OPERATOR(platform.<=>) p_embedding
        LIMIT v_candidates
    ),
    indexed_question AS MATERIALIZED (
        SELECT
            s.chunk_id,
            s.question,
            s.embedding OPERATOR(platform.<=>) p_embedding AS distance
        FROM question_scope AS s
        ORDER BY s.embedding OPERATOR(platform.<=>) p_embedding
        LIMIT 4 * v_candidates
    ),
    -- An index gives up after hnsw.max_scan_tuples rows of anybody, or when its memory is used up.
    -- Then all distances in the scope are computed, which no index orders by.
    near_text AS (
        SELECT i.chunk_id, i.distance
        FROM indexed_text AS i
        WHERE (SELECT count(*) FROM indexed_text) >= v_candidates
        UNION ALL
        (
            SELECT s.chunk_id, s.embedding OPERATOR(platform.<=>) p_embedding
            FROM text_scope AS s
            WHERE (SELECT count(*) FROM indexed_text) < v_candidates
            ORDER BY (s.embedding OPERATOR(platform.<=>) p_embedding) + 0, s.chunk_id
            LIMIT v_candidates
        )
    ),
    near_question AS (
        SELECT i.chunk_id, i.question, i.distance
        FROM indexed_question AS i
        WHERE (SELECT count(*) FROM indexed_question) >= 4 * v_candidates
        UNION ALL
        (
            SELECT s.chunk_id, s.question, s.embedding OPERATOR(platform.<=>) p_embedding
            FROM question_scope AS s
            WHERE (SELECT count(*) FROM indexed_question) < 4 * v_candidates
            ORDER BY
                (s.embedding OPERATOR(platform.<=>) p_embedding) + 0, s.chunk_id, s.question
            LIMIT 4 * v_candidates
        )
    ),
    -- A chunk counts once, by the best of its questions, so more of these are looked at.
    best_question AS (
        SELECT DISTINCT ON (n.chunk_id)
            n.chunk_id,
            n.question,
            n.distance
        FROM near_question AS n
        ORDER BY n.chunk_id, n.distance, n.question
    ),
    ranked AS (
        SELECT
            n.chunk_id,
            NULL::text AS question,
            n.distance,
            row_number() OVER (ORDER BY n.distance, n.chunk_id) AS place
        FROM near_text AS n
        UNION ALL
        SELECT
            b.chunk_id,
            b.question,
            b.distance,
            row_number() OVER (ORDER BY b.distance, b.chunk_id)
        FROM best_question AS b
    ),
    fused AS (
        SELECT
            r.chunk_id,
            max(r.question) AS question,
            min(r.distance) AS distance,
            sum(1.0::double precision / (60 + r.place)) AS score
        FROM ranked AS r
        GROUP BY r.chunk_id
        ORDER BY 4 DESC, 3, 1
        LIMIT p_limit
    )
    SELECT
        (row_number() OVER (ORDER BY f.score DESC, f.distance, f.chunk_id))::integer,
        f.chunk_id,
        c.document_id,
        c.content,
        f.question,
        f.distance,
        f.score
    FROM fused AS f
    INNER JOIN agentcore.chunk AS c
        ON c.department_id = v_department_id AND c.id = f.chunk_id
    ORDER BY 1;

    IF v_scan IS NOT NULL THEN
        PERFORM set_config('hnsw.iterative_scan', v_scan, true);
    END IF;
END;
$function$;

COMMENT ON FUNCTION agentcore.search_knowledge(uuid[], platform.vector, integer) IS
    'The chunks of ready documents in these knowledge bases that are nearest to an embedding, by '
    'text or by question, best first. p_limit is how many at most, from 1 to 100. Returns rank '
    '(from 1), score (higher is better, at most 2/61), distance (cosine, of the nearer one) and '
    'the question that matched, if one did. Raises 22023 when p_limit is out of range or the '
    'embedding is all zeros, 22004 when it is NULL, 22000 when it has not as many dimensions as '
    'those it is compared with, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION agentcore.search_knowledge(uuid[], platform.vector, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.search_knowledge(uuid[], platform.vector, integer)
    TO muniment_app, muniment_reader;

COMMIT;

-- Deploy agentcore:record_retrieval to pg
-- requires: search_knowledge
-- requires: agent_run
--
-- What a run was given to read, searched and noted in one step, so that the evidence is what was
-- read. What was found is locked before it is noted, in order of the ids: a chunk that somebody
-- deletes meanwhile is as good as not found. A run has one list of hits; a second search for it is
-- refused by the key of its ranks.
-- Locks: none.  Docs: docs/schema/agentcore.md#record-retrieval

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.record_retrieval(
    p_agent_run_id uuid,
    p_knowledge_base_ids uuid[],
    p_embedding platform.vector,
    p_limit integer DEFAULT 10
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
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    v_department_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    PERFORM
    FROM agentcore.agent_run AS r
    WHERE r.department_id = v_department_id
        AND r.id = p_agent_run_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % is not there', p_agent_run_id
            USING ERRCODE = 'MU436',
                  HINT = 'Name a run of the department.';
    END IF;

    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT *
        FROM agentcore.search_knowledge(p_knowledge_base_ids, p_embedding, p_limit)
    ),
    held AS MATERIALIZED (
        SELECT c.id, c.document_id, c.content
        FROM agentcore.chunk AS c
        WHERE c.department_id = v_department_id
            AND c.id IN (SELECT f.chunk_id FROM found AS f)
        ORDER BY c.id
        FOR KEY SHARE OF c
    ),
    -- Numbered again, without gaps; document and text as they are held.
    hit AS MATERIALIZED (
        SELECT
            (row_number() OVER (ORDER BY f.rank))::integer AS rank,
            h.id AS chunk_id,
            h.document_id,
            h.content,
            f.question,
            f.distance,
            f.score
        FROM found AS f
        INNER JOIN held AS h ON h.id = f.chunk_id
    ),
    noted AS (
        INSERT INTO agentcore.retrieval_hit
            (department_id, agent_run_id, chunk_id, document_id, rank, score)
        SELECT v_department_id, p_agent_run_id, i.chunk_id, i.document_id, i.rank, i.score
        FROM hit AS i
    )
    SELECT i.*
    FROM hit AS i
    ORDER BY i.rank;
END;
$function$;

COMMENT ON FUNCTION agentcore.record_retrieval(uuid, uuid[], platform.vector, integer) IS
    'Searches as search_knowledge() does, notes what was found as hits of a run, and returns it, '
    'without chunks that were deleted meanwhile. Raises 22023 when p_limit is out of range or the '
    'embedding is all zeros, 22004 when it is NULL, 22000 when it has not as many dimensions as '
    'those it is compared with, MU436 when the run is not there, 23505 when the run has hits '
    'already, 40001 when, above READ COMMITTED, a chunk was deleted meanwhile, 42501 when no '
    'tenant is set.';

REVOKE ALL ON FUNCTION agentcore.record_retrieval(uuid, uuid[], platform.vector, integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.record_retrieval(uuid, uuid[], platform.vector, integer)
    TO muniment_app;

COMMIT;

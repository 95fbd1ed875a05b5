-- Deploy agentcore:classify_intent to pg
-- requires: intent_trust
--
-- What is meant is what the nearest example means. Beyond a distance nothing is like it, and no
-- intent is better than a wrong one.
-- Locks: none.  Docs: docs/schema/agentcore.md#classify-intent

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.classify_intent(
    p_namespace_id uuid,
    p_embedding platform.vector,
    p_max_distance double precision DEFAULT 0.25
)
RETURNS TABLE (intent_name text, phrase text, distance double precision)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    v_department_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    RETURN QUERY
    SELECT *
    FROM (
        SELECT
            e.intent_name,
            e.phrase,
            e.embedding OPERATOR(platform.<=>) p_embedding AS distance
        FROM agentcore.intent_example AS e
        WHERE e.department_id = v_department_id
            AND e.namespace_id = p_namespace_id
    ) AS near
    WHERE near.distance <= p_max_distance
    ORDER BY near.distance, near.phrase
    LIMIT 1;
END;
$function$;

COMMENT ON FUNCTION agentcore.classify_intent(uuid, platform.vector, double precision) IS
    'The intent of the example that is nearest to an embedding in a namespace, with its distance '
    '(cosine, 0 to 2). No row when none is within p_max_distance. Raises 42501 when no tenant is '
    'set, 22000 when the embedding has not as many dimensions as the examples.';

REVOKE ALL ON FUNCTION agentcore.classify_intent(uuid, platform.vector, double precision)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.classify_intent(uuid, platform.vector, double precision)
    TO muniment_app, muniment_reader;

COMMIT;

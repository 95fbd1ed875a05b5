-- Deploy agents:verify_heads to pg
-- requires: chain_heads
--
-- Every head of a document that agents.chain_heads() once made must still be a seal of its chain.
-- Locks: none.  Docs: docs/schema/agents.md#verify-heads

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.verify_heads(p_firm_id uuid, p_heads jsonb)
RETURNS TABLE (verdict text, chain_no smallint, seal_no bigint, reason text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    IF p_heads ->> 'firm_id' IS DISTINCT FROM p_firm_id::text
        OR jsonb_typeof(p_heads -> 'heads') IS DISTINCT FROM 'array'
    THEN
        RAISE EXCEPTION 'p_heads: is not a document of agents.chain_heads() for this firm'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass what agents.chain_heads() returned, unchanged.';
    END IF;

    RETURN QUERY
    SELECT
        CASE WHEN s.seal_sha256 = head.sha256 THEN 'holds' ELSE 'differs' END,
        head.chain_no,
        head.seal_no,
        CASE
            WHEN s.seal_sha256 IS NULL THEN 'the seal is missing: the chain was cut off'
            WHEN s.seal_sha256 IS DISTINCT FROM head.sha256
                THEN 'the seal is another one: the chain was rewritten'
        END
    FROM (
        SELECT
            (h.head ->> 'chain_no')::smallint AS chain_no,
            (h.head ->> 'seal_no')::bigint AS seal_no,
            decode(h.head ->> 'seal_sha256', 'hex') AS sha256
        FROM jsonb_array_elements(p_heads -> 'heads') AS h (head)
    ) AS head
    LEFT JOIN agents.run_seal AS s
        ON s.firm_id = p_firm_id
        AND s.chain_no = head.chain_no
        AND s.seal_no = head.seal_no
    ORDER BY head.chain_no;
END;
$function$;

COMMENT ON FUNCTION agents.verify_heads(uuid, jsonb) IS
    'Compares the chains of a firm with a document that agents.chain_heads() made before: a row '
    'for each head, whether it holds or differs. Raises 22023 when the document is not one of this'
    ' firm, 22P02 and 22003 on a number in it that is none; 42501 and 22004 as '
    'platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.verify_heads(uuid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.verify_heads(uuid, jsonb) TO muniment_app, muniment_reader;

COMMIT;

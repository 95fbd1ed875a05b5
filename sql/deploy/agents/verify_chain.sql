-- Deploy agents:verify_chain to pg
-- requires: verify_seal
--
-- All runs that were sealed in a time, one after the other, chain by chain; and before them the
-- links of the chains: numbers without a gap, each seal after the one it names, heads that say
-- where they end. Gives one row for each chain, and one more for each thing that differs.
-- Locks: none.  Docs: docs/schema/agents.md#verify-chain, docs/explanation/what-a-seal-proves.md

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.verify_chain(
    p_firm_id uuid,
    p_from timestamptz DEFAULT '-infinity',
    p_to timestamptz DEFAULT 'infinity'
)
RETURNS TABLE (
    verdict text,
    chain_no smallint,
    seal_no bigint,
    run_id uuid,
    table_name text,
    row_id uuid,
    row_no integer,
    reason text
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- The chains: every seal is linked with the one before it, and the last with the head.
    RETURN QUERY
    SELECT
        'differs',
        l.chain_no,
        l.seal_no,
        l.run_id,
        'run_seal',
        coalesce(l.redaction_id, l.run_id),
        NULL::integer,
        l.reason
    FROM (
        SELECT
            s.chain_no,
            s.seal_no,
            s.run_id,
            s.redaction_id,
            CASE
                WHEN s.seal_no <> coalesce(lag(s.seal_no) OVER w, 0) + 1
                    THEN 'the seal before it is missing'
                WHEN s.previous_sha256 IS DISTINCT FROM lag(s.seal_sha256) OVER w
                    THEN 'the seal before it is another one'
                WHEN s.seal_sha256 <> agents.seal_sha256(
                    s.firm_id, s.chain_no, s.seal_no, s.format_no, s.kind, s.run_id,
                    s.run_started_at, s.redaction_id, s.sealed_at, s.row_count, s.row_digests,
                    s.content_sha256, s.previous_sha256
                )
                    THEN 'the seal is broken: it is not the hash of what is written on it'
            END AS reason
        FROM agents.run_seal AS s
        WHERE s.firm_id = p_firm_id
        WINDOW w AS (PARTITION BY s.chain_no ORDER BY s.seal_no)
    ) AS l
    WHERE l.reason IS NOT NULL
    ORDER BY l.chain_no, l.seal_no;

    RETURN QUERY
    SELECT
        'differs',
        coalesce(c.chain_no, s.chain_no),
        s.seal_no,
        NULL::uuid,
        'seal_chain',
        NULL::uuid,
        NULL::integer,
        'the head of the chain is not its last seal'
    FROM (
        SELECT DISTINCT ON (last.chain_no) last.chain_no, last.seal_no, last.seal_sha256
        FROM agents.run_seal AS last
        WHERE last.firm_id = p_firm_id
        ORDER BY last.chain_no, last.seal_no DESC
    ) AS s
    FULL JOIN (
        SELECT head.*
        FROM agents.seal_chain AS head
        WHERE head.firm_id = p_firm_id
    ) AS c ON c.chain_no = s.chain_no
    WHERE (coalesce(c.last_seal_no, 0), c.last_sha256)
        IS DISTINCT FROM (coalesce(s.seal_no, 0), s.seal_sha256);

    -- The runs themselves.
    RETURN QUERY
    SELECT
        v.verdict, s.chain_no, s.seal_no, s.run_id, v.table_name, v.row_id, v.row_no, v.reason
    FROM agents.run_seal AS s
    CROSS JOIN LATERAL agents.verify_seal(p_firm_id, s.run_id) AS v
    WHERE s.firm_id = p_firm_id
        AND s.kind = 'run'
        AND s.sealed_at BETWEEN p_from AND p_to
    ORDER BY s.chain_no, s.seal_no;

    -- Runs that ended and have no seal.
    RETURN QUERY
    SELECT
        'differs', NULL::smallint, NULL::bigint, r.run_id, 'agent_run', r.run_id, NULL::integer,
        'the run has ended without a seal'
    FROM agents.agent_run AS r
    WHERE r.firm_id = p_firm_id
        AND r.ended_at BETWEEN p_from AND p_to
        AND NOT EXISTS (
            SELECT
            FROM agents.run_seal AS s
            WHERE s.firm_id = p_firm_id
                AND s.run_id = r.run_id
                AND s.kind = 'run'
        )
    ORDER BY r.started_at, r.run_id;

    -- Redactions before any run.
    RETURN QUERY
    SELECT
        'differs', s.chain_no, s.seal_no, NULL::uuid, 'redaction', d.redaction_id, NULL::integer,
        'the redaction is not as it was sealed, or was not sealed'
    FROM agents.redaction AS d
    LEFT JOIN agents.run_seal AS s
        ON s.firm_id = d.firm_id
        AND s.redaction_id = d.redaction_id
    WHERE d.firm_id = p_firm_id
        AND d.run_id IS NULL
        AND s.content_sha256 IS DISTINCT FROM sha256(agents.redaction_digest(d));
END;
$function$;

COMMENT ON FUNCTION agents.verify_chain(uuid, timestamptz, timestamptz) IS
    'Verifies the chains of a firm, and each run that was sealed between p_from and p_to. A row '
    'for each run, with the verdict of agents.verify_seal(), and one for each link, head or '
    'redaction that differs. Raises 42501 when the tenant is not set.';

REVOKE ALL ON FUNCTION agents.verify_chain(uuid, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.verify_chain(uuid, timestamptz, timestamptz)
    TO muniment_app, muniment_reader;

COMMIT;

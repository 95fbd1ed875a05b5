-- Deploy agents:append_seal to pg
-- requires: take_chain
--
-- The next seal of a chain that nobody else holds. Who has many runs to seal calls
-- agents.seal_runs().
-- Locks: none.  Docs: docs/schema/agents.md#append-seal

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.append_seal(
    p_firm_id uuid,
    p_kind text,
    p_run_id uuid,
    p_run_started_at timestamptz,
    p_redaction_id uuid,
    p_digests bytea[]
)
RETURNS bytea
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_now            CONSTANT timestamptz := clock_timestamp();
    v_row_count      CONSTANT integer := cardinality(p_digests);
    v_chain          CONSTANT agents.seal_chain := agents.take_chain(p_firm_id);
    v_seal_no        CONSTANT bigint := v_chain.last_seal_no + 1;
    v_row_digests    bytea;
    v_content_sha256 bytea;
    v_seal_sha256    bytea;
BEGIN
    SELECT
        string_agg(substring(d.digest FOR 8), '' ORDER BY d.place),
        sha256(string_agg(d.digest, '' ORDER BY d.place))
    INTO v_row_digests, v_content_sha256
    FROM unnest(p_digests) WITH ORDINALITY AS d (digest, place);

    v_seal_sha256 := agents.seal_sha256(
        p_firm_id, v_chain.chain_no, v_seal_no, 1::smallint, p_kind, p_run_id, p_run_started_at,
        p_redaction_id, v_now, v_row_count, v_row_digests, v_content_sha256, v_chain.last_sha256
    );

    INSERT INTO agents.run_seal (
        firm_id, chain_no, seal_no, format_no, kind, run_id, run_started_at, redaction_id,
        sealed_at, row_count, row_digests, content_sha256, previous_sha256, seal_sha256
    )
    VALUES (
        p_firm_id, v_chain.chain_no, v_seal_no, 1, p_kind, p_run_id, p_run_started_at,
        p_redaction_id, v_now, v_row_count, v_row_digests, v_content_sha256, v_chain.last_sha256,
        v_seal_sha256
    );

    UPDATE agents.seal_chain AS c
    SET
        last_seal_no = v_seal_no,
        last_sha256 = v_seal_sha256
    WHERE c.firm_id = p_firm_id
        AND c.chain_no = v_chain.chain_no;

    RETURN v_seal_sha256;
END;
$function$;

COMMENT ON FUNCTION agents.append_seal(
    uuid, text, uuid, timestamptz, uuid, bytea[]
) IS
    'Seals rows by their hashes, in order: writes the next seal of a chain of the firm that no '
    'other transaction holds, and returns it. Raises 23505 when the run or redaction is sealed '
    'already, 23503 when the run is not there; 40001 above READ COMMITTED when the chain has gone '
    'on meanwhile.';

REVOKE ALL ON FUNCTION agents.append_seal(
    uuid, text, uuid, timestamptz, uuid, bytea[]
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.append_seal(
    uuid, text, uuid, timestamptz, uuid, bytea[]
) TO muniment_app, muniment_service;

COMMIT;

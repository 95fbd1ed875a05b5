-- Deploy agents:append_seal to pg
-- requires: run_seal
--
-- Takes a chain of the firm that nobody holds, until the transaction ends, and writes its next
-- seal; when all are held it begins another chain. So writers of one firm do not wait here for what
-- others do besides, and a firm has no more chains than it ever had writers at once.
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
    v_lock_timeout   CONSTANT text := current_setting('lock_timeout');
    v_chain          agents.seal_chain;
    v_chain_no       smallint := 0;
    v_seal_no        bigint;
    v_row_digests    bytea;
    v_content_sha256 bytea;
    v_seal_sha256    bytea;
BEGIN
    SELECT
        string_agg(substring(d.digest FOR 8), '' ORDER BY d.place),
        sha256(string_agg(d.digest, '' ORDER BY d.place))
    INTO v_row_digests, v_content_sha256
    FROM unnest(p_digests) WITH ORDINALITY AS d (digest, place);

    LOOP
        SELECT c.*
        INTO v_chain
        FROM agents.seal_chain AS c
        WHERE c.firm_id = p_firm_id
        ORDER BY c.chain_no
        FOR NO KEY UPDATE SKIP LOCKED
        LIMIT 1;
        EXIT WHEN FOUND;

        SELECT greatest(v_chain_no, coalesce(max(c.chain_no), 0) + 1)
        INTO v_chain_no
        FROM agents.seal_chain AS c
        WHERE c.firm_id = p_firm_id;

        -- Who is just beginning the same chain would be waited for until their transaction ends, so
        -- this one begins the chain after it instead.
        BEGIN
            SET LOCAL lock_timeout = '1ms';
            INSERT INTO agents.seal_chain (firm_id, chain_no)
            VALUES (p_firm_id, v_chain_no)
            ON CONFLICT DO NOTHING;
            PERFORM set_config('lock_timeout', v_lock_timeout, true);
        EXCEPTION
            WHEN lock_not_available THEN
                v_chain_no := v_chain_no + 1;
        END;
    END LOOP;

    v_seal_no := v_chain.last_seal_no + 1;
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

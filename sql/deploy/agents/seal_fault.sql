-- Deploy agents:seal_fault to pg
-- requires: run_seal
--
-- Looks at one seal by itself: that it is the hash of what is written on it, that no other seal is
-- of the same run or redaction, and that the seals before and after it, or the head of the chain,
-- say the same of it.
-- Locks: none.  Docs: docs/schema/agents.md#seal-fault

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.seal_fault(p_seal agents.run_seal)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_chain agents.seal_chain;
    v_after bytea;
BEGIN
    IF p_seal.seal_sha256 IS NULL THEN
        RETURN 'there is no seal';
    END IF;

    IF p_seal.seal_sha256 <> agents.seal_sha256(
        p_seal.firm_id, p_seal.chain_no, p_seal.seal_no, p_seal.format_no, p_seal.kind,
        p_seal.run_id, p_seal.run_started_at, p_seal.redaction_id, p_seal.sealed_at,
        p_seal.row_count, p_seal.row_digests, p_seal.content_sha256, p_seal.previous_sha256
    ) THEN
        RETURN 'the seal is broken: it is not the hash of what is written on it';
    END IF;

    -- Of two it would be a matter of luck which one is compared with the rows.
    IF EXISTS (
        SELECT
        FROM agents.run_seal AS s
        WHERE s.firm_id = p_seal.firm_id
            AND s.run_id = p_seal.run_id
            AND s.kind = 'run'
            AND p_seal.kind = 'run'
            AND (s.chain_no, s.seal_no) <> (p_seal.chain_no, p_seal.seal_no)
    )
        OR EXISTS (
            SELECT
            FROM agents.run_seal AS s
            WHERE s.firm_id = p_seal.firm_id
                AND s.redaction_id = p_seal.redaction_id
                AND (s.chain_no, s.seal_no) <> (p_seal.chain_no, p_seal.seal_no)
        )
    THEN
        RETURN 'there is another seal of the same run or redaction';
    END IF;

    IF p_seal.seal_no > 1
        AND NOT EXISTS (
            SELECT
            FROM agents.run_seal AS s
            WHERE s.firm_id = p_seal.firm_id
                AND s.chain_no = p_seal.chain_no
                AND s.seal_no = p_seal.seal_no - 1
                AND s.seal_sha256 = p_seal.previous_sha256
        )
    THEN
        RETURN 'the seal before it in the chain is another one, or is missing';
    END IF;

    SELECT c.*
    INTO v_chain
    FROM agents.seal_chain AS c
    WHERE c.firm_id = p_seal.firm_id
        AND c.chain_no = p_seal.chain_no;
    IF v_chain.last_seal_no = p_seal.seal_no THEN
        v_after := v_chain.last_sha256;
    ELSE
        SELECT s.previous_sha256
        INTO v_after
        FROM agents.run_seal AS s
        WHERE s.firm_id = p_seal.firm_id
            AND s.chain_no = p_seal.chain_no
            AND s.seal_no = p_seal.seal_no + 1;
    END IF;
    IF v_after IS DISTINCT FROM p_seal.seal_sha256 THEN
        RETURN 'the seal after it, or the head of the chain, follows another one';
    END IF;

    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION agents.seal_fault(agents.run_seal) IS
    'What is wrong with a seal or its links; NULL when nothing is. Raises 42501 when the tenant is '
    'not set.';

REVOKE ALL ON FUNCTION agents.seal_fault(agents.run_seal) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.seal_fault(agents.run_seal) TO muniment_app, muniment_reader;

COMMIT;

-- Deploy agents:verify_seals to pg
-- requires: verify_seal
-- requires: platform:enter_tenant
--
-- The seals of a firm one after the other, chain by chain, in pages, so that a firm with millions
-- of runs can be verified bit by bit: the last row of a page says where the next one begins.
-- Locks: none.  Docs: docs/schema/agents.md#verify-seals

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.verify_seals(
    p_firm_id uuid,
    p_from timestamptz DEFAULT '-infinity',
    p_to timestamptz DEFAULT 'infinity',
    p_after_chain_no smallint DEFAULT 0,
    p_after_seal_no bigint DEFAULT 0,
    p_limit integer DEFAULT NULL
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
DECLARE
    v_seal      agents.run_seal;
    v_redaction agents.redaction;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    FOR v_seal IN
        SELECT s.*
        FROM agents.run_seal AS s
        WHERE s.firm_id = p_firm_id
            AND (s.chain_no, s.seal_no)
                > (coalesce(p_after_chain_no, 0::smallint), coalesce(p_after_seal_no, 0))
            -- A seal at no time, or at one that never comes, is not hidden by that.
            AND (s.sealed_at < p_from) IS NOT TRUE
            AND (s.sealed_at >= nullif(p_to, 'infinity')) IS NOT TRUE
        ORDER BY s.chain_no, s.seal_no
        LIMIT p_limit
    LOOP
        chain_no := v_seal.chain_no;
        seal_no := v_seal.seal_no;
        run_id := v_seal.run_id;
        IF v_seal.kind = 'run' AND v_seal.run_id IS NOT NULL THEN
            SELECT v.verdict, v.table_name, v.row_id, v.row_no, v.reason
            INTO verdict, table_name, row_id, row_no, reason
            FROM agents.verify_seal(p_firm_id, v_seal.run_id) AS v;
        ELSE
            verdict := 'differs';
            table_name := 'run_seal';
            row_id := v_seal.redaction_id;
            row_no := NULL;
            reason := agents.seal_fault(v_seal);
            IF reason IS NULL THEN
                table_name := 'redaction';
                SELECT d.*
                INTO v_redaction
                FROM agents.redaction AS d
                WHERE d.firm_id = p_firm_id
                    AND d.redaction_id = v_seal.redaction_id;
                reason := CASE
                    WHEN FOUND THEN agents.redaction_fault(v_redaction)
                    ELSE 'the redaction is missing'
                END;
            END IF;
            IF reason IS NULL THEN
                verdict := 'holds';
                table_name := NULL;
                row_id := NULL;
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION agents.verify_seals(
    uuid, timestamptz, timestamptz, smallint, bigint, integer
) IS
    'Verifies what a firm sealed from p_from on and before p_to: one row for each seal, by chain '
    'and number, with the verdict of agents.verify_seal(), for a redaction holds or differs. A '
    'page of p_limit begins after the seal that p_after_chain_no and p_after_seal_no name. NULL is '
    'no bound. Raises 2201W when p_limit is negative; 42501 and 22004 as platform.enter_tenant() '
    'does.';

REVOKE ALL ON FUNCTION agents.verify_seals(
    uuid, timestamptz, timestamptz, smallint, bigint, integer
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.verify_seals(
    uuid, timestamptz, timestamptz, smallint, bigint, integer
) TO muniment_app, muniment_reader;

COMMIT;

-- Deploy agents:verify_seal to pg
-- requires: sealed_rows
-- requires: redaction_digest
-- requires: seal_fault
--
-- Compares a run with its seal and tells the first thing that differs, or that nothing does. It
-- hashes all rows again, their inline bodies too, looks whether what was redacted was redacted
-- under a seal, and whether the seal is linked to the ones before and after it. What the shelf
-- holds is not looked at here: muniment seal verify does that too.
-- Locks: none.  Docs: docs/schema/agents.md#verify-seal, docs/explanation/what-a-seal-proves.md

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.verify_seal(p_firm_id uuid, p_run_id uuid)
RETURNS TABLE (verdict text, table_name text, row_id uuid, row_no integer, reason text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
-- Planning for all months at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_key      agents.agent_run_key;
    v_seal     agents.run_seal;
    v_row      record;
    v_sealed   bytea;
    v_next     bytea;
    v_count    integer := 0;
    v_content  bytea := '';
BEGIN
    verdict := 'differs';

    SELECT s.*
    INTO v_seal
    FROM agents.run_seal AS s
    WHERE s.firm_id = p_firm_id
        AND s.run_id = p_run_id
        AND s.kind = 'run';
    SELECT k.*
    INTO v_key
    FROM agents.agent_run_key AS k
    WHERE k.firm_id = p_firm_id
        AND k.run_id = p_run_id;
    IF v_seal.run_id IS NULL AND v_key.run_id IS NULL THEN
        RAISE EXCEPTION 'p_run_id: run % is not there', p_run_id
            USING ERRCODE = 'P0002',
                  HINT = 'Look at firm and id.';
    END IF;
    IF v_seal.run_id IS NULL THEN
        PERFORM
        FROM agents.agent_run AS r
        WHERE r.firm_id = p_firm_id
            AND r.run_id = p_run_id
            AND r.started_at = v_key.started_at
            AND r.ended_at IS NULL;
        IF FOUND THEN
            verdict := 'open';
            reason := 'the run has not ended';
        ELSE
            table_name := 'run_seal';
            row_id := p_run_id;
            reason := 'the run has ended without a seal';
        END IF;
        RETURN NEXT;
        RETURN;
    END IF;

    -- The seal itself, and its links.
    table_name := 'run_seal';
    row_id := p_run_id;
    reason := agents.seal_fault(v_seal);
    IF reason IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;

    -- Of a run whose month has left nothing but key and seal is here to be compared.
    IF v_key.archived_at IS NOT NULL
        AND NOT EXISTS (
            SELECT
            FROM agents.agent_run AS r
            WHERE r.firm_id = p_firm_id
                AND r.run_id = p_run_id
                AND r.started_at = v_seal.run_started_at
        )
    THEN
        verdict := 'archived';
        table_name := NULL;
        row_id := NULL;
        reason := format('its month left at %s', v_key.archived_at);
        RETURN NEXT;
        RETURN;
    END IF;

    FOR v_row IN
        SELECT s.*
        FROM agents.sealed_rows(p_firm_id, p_run_id, v_seal.run_started_at) AS s
        ORDER BY s.place
    LOOP
        v_count := v_count + 1;
        v_content := v_content || v_row.digest;
        v_sealed := substring(v_seal.row_digests FROM 8 * v_count - 7 FOR 8);
        IF v_sealed IS DISTINCT FROM substring(v_row.digest FOR 8) THEN
            v_next := substring(v_seal.row_digests FROM 8 * v_count + 1 FOR 8);
            table_name := v_row.table_name;
            row_id := v_row.row_id;
            row_no := v_row.row_no;
            reason := CASE
                WHEN v_count > v_seal.row_count THEN 'the row was not there when the run was sealed'
                WHEN v_next = substring(v_row.digest FOR 8) THEN 'the row before it is missing'
                ELSE 'the row is not as it was sealed'
            END;
            RETURN NEXT;
            RETURN;
        END IF;
    END LOOP;
    IF v_count < v_seal.row_count THEN
        table_name := v_row.table_name;
        row_id := v_row.row_id;
        row_no := v_row.row_no;
        reason := format('%s rows after it are missing', v_seal.row_count - v_count);
        RETURN NEXT;
        RETURN;
    END IF;
    IF sha256(v_content) <> v_seal.content_sha256 THEN
        reason := 'the rows are not as they were sealed';
        RETURN NEXT;
        RETURN;
    END IF;

    -- The seal covers hashes of bodies, so a body has to be what its hash says.
    SELECT b.*
    INTO v_row
    FROM (
        SELECT
            'chat_turn' AS table_name,
            t.turn_id AS row_id,
            t.turn_no AS row_no,
            t.content_inline AS body,
            t.content_sha256 AS body_sha256,
            t.content_bytes AS body_bytes
        FROM agents.chat_turn AS t
        WHERE t.firm_id = p_firm_id
            AND t.run_id = p_run_id
            AND t.created_at >= v_seal.run_started_at
        UNION ALL
        SELECT 'tool_call', c.tool_call_id, c.call_no, b.body, b.body_sha256, b.body_bytes
        FROM agents.tool_call AS c
        CROSS JOIN LATERAL (
            VALUES
                (c.args_inline, c.args_sha256, c.args_bytes),
                (c.result_inline, c.result_sha256, c.result_bytes)
        ) AS b (body, body_sha256, body_bytes)
        WHERE c.firm_id = p_firm_id
            AND c.run_id = p_run_id
            AND c.requested_at >= v_seal.run_started_at
    ) AS b
    WHERE b.body IS NOT NULL
        AND (
            sha256(convert_to(b.body, 'UTF8')) IS DISTINCT FROM b.body_sha256
            OR octet_length(convert_to(b.body, 'UTF8')) IS DISTINCT FROM b.body_bytes
        )
    ORDER BY b.table_name, b.row_no
    LIMIT 1;
    IF FOUND THEN
        table_name := v_row.table_name;
        row_id := v_row.row_id;
        row_no := v_row.row_no;
        reason := 'the body is not what its hash says';
        RETURN NEXT;
        RETURN;
    END IF;

    -- What was redacted was redacted under a seal of its own.
    SELECT d.redaction_id, coalesce(agents.seal_fault(s), 'the redaction is not as it was sealed')
        AS reason
    INTO v_row
    FROM agents.redaction AS d
    LEFT JOIN agents.run_seal AS s
        ON s.firm_id = d.firm_id
        AND s.redaction_id = d.redaction_id
    WHERE d.firm_id = p_firm_id
        AND d.run_id = p_run_id
        AND (
            s.content_sha256 IS DISTINCT FROM sha256(agents.redaction_digest(d))
            OR agents.seal_fault(s) IS NOT NULL
        )
    ORDER BY d.redaction_id
    LIMIT 1;
    IF FOUND THEN
        table_name := 'redaction';
        row_id := v_row.redaction_id;
        row_no := NULL;
        reason := v_row.reason;
        RETURN NEXT;
        RETURN;
    END IF;

    -- The conversation has counted at least as far as the run has spoken.
    SELECT s.session_id
    INTO v_row
    FROM agents.agent_run AS r
    INNER JOIN agents.chat_session AS s
        ON s.firm_id = r.firm_id
        AND s.session_id = r.session_id
    WHERE r.firm_id = p_firm_id
        AND r.run_id = p_run_id
        AND r.started_at = v_seal.run_started_at
        AND s.last_turn_no < (
            SELECT max(t.turn_no)
            FROM agents.chat_turn AS t
            WHERE t.firm_id = p_firm_id
                AND t.run_id = p_run_id
                AND t.created_at >= v_seal.run_started_at
        );
    IF FOUND THEN
        table_name := 'chat_session';
        row_id := v_row.session_id;
        row_no := NULL;
        reason := 'the conversation counts fewer turns than the run has';
        RETURN NEXT;
        RETURN;
    END IF;

    verdict := 'holds';
    table_name := NULL;
    row_id := NULL;
    row_no := NULL;
    reason := NULL;
    RETURN NEXT;
END;
$function$;

COMMENT ON FUNCTION agents.verify_seal(uuid, uuid) IS
    'Compares a run with its seal. One row: the verdict is holds, differs (with the first row that'
    ' does, and how), open (the run has not ended) or archived (its month has left). Raises P0002 '
    'when there is neither run nor seal; 42501 when the tenant is not set.';

REVOKE ALL ON FUNCTION agents.verify_seal(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.verify_seal(uuid, uuid) TO muniment_app, muniment_reader;

COMMIT;

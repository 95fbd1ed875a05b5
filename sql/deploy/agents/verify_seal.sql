-- Deploy agents:verify_seal to pg
-- requires: sealed_rows
-- requires: redaction_fault
-- requires: platform:enter_tenant
--
-- Compares a run with its seal and tells the first thing that differs, or that nothing does. It
-- hashes all rows again, their inline bodies too, looks whether what was redacted was redacted
-- under a seal, and whether the seal is linked to the ones before and after it. What the shelf
-- holds is not looked at here: muniment seal verify does that too.
-- Locks: none.  Docs: docs/schema/agents.md#verify-seal

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
    v_key        agents.agent_run_key;
    v_run        agents.agent_run;
    v_seal       agents.run_seal;
    v_found      record;
    v_started_at timestamptz;
    v_month      timestamp;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

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
    v_started_at := coalesce(v_seal.run_started_at, v_key.started_at);
    SELECT r.*
    INTO v_run
    FROM agents.agent_run AS r
    WHERE r.firm_id = p_firm_id
        AND r.run_id = p_run_id
        AND r.started_at = v_started_at;

    -- The seal itself, and its links.
    IF v_seal.run_id IS NULL AND v_run.run_id IS NOT NULL AND v_run.ended_at IS NULL THEN
        verdict := 'open';
        reason := 'the run has not ended';
        RETURN NEXT;
        RETURN;
    END IF;
    table_name := 'run_seal';
    row_id := p_run_id;
    reason := CASE
        WHEN v_seal.run_id IS NOT NULL THEN agents.seal_fault(v_seal)
        WHEN v_run.run_id IS NOT NULL THEN 'the run has ended without a seal'
        WHEN v_key.archived_at IS NULL THEN 'the key has neither run nor seal'
    END;
    IF reason IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;

    IF v_key.archived_at IS NOT NULL THEN
        -- A month leaves when it is over, and with all that was written down by then.
        v_month := date_trunc('month', v_started_at AT TIME ZONE 'UTC');
        reason := CASE
            WHEN v_key.archived_at < v_seal.sealed_at
                THEN 'it says that the run left before it was sealed'
            WHEN v_key.archived_at < (v_month + interval '1 month') AT TIME ZONE 'UTC'
                THEN 'it says that the run left before its month was over'
            WHEN v_run.run_id IS NOT NULL
                THEN 'it says that the run has left, and the run is here'
            WHEN EXISTS (
                SELECT
                FROM agents.agent_run AS r
                INNER JOIN agents.agent_run_key AS k
                    ON k.firm_id = r.firm_id
                    AND k.run_id = r.run_id
                WHERE r.firm_id = p_firm_id
                    AND r.started_at >= v_month AT TIME ZONE 'UTC'
                    AND r.started_at < (v_month + interval '1 month') AT TIME ZONE 'UTC'
                    AND k.firm_id = p_firm_id
                    AND k.created_at < v_key.archived_at
            )
                THEN 'it says that the run has left, and others of its month are here'
        END;
        IF reason IS NOT NULL THEN
            table_name := 'agent_run_key';
            RETURN NEXT;
            RETURN;
        END IF;

        -- The key and rows of later months are still here: each is one of those that were sealed,
        -- by 8 bytes of its hash.
        SELECT s.table_name, s.row_id, s.row_no
        INTO v_found
        FROM agents.sealed_rows(p_firm_id, p_run_id, v_started_at) AS s
        WHERE v_seal.run_id IS NOT NULL
            AND substring(s.digest FOR 8) NOT IN (
                SELECT substring(v_seal.row_digests FROM 8 * place - 7 FOR 8)
                FROM generate_series(1, v_seal.row_count) AS place
            )
        ORDER BY s.place
        LIMIT 1;
        IF FOUND THEN
            table_name := v_found.table_name;
            row_id := v_found.row_id;
            row_no := v_found.row_no;
            reason := 'the row is not as it was sealed';
            RETURN NEXT;
            RETURN;
        END IF;
    END IF;

    SELECT
        coalesce(sha256(string_agg(s.digest, '' ORDER BY s.place)), '') AS content_sha256,
        count(*) AS row_count
    INTO v_found
    FROM agents.sealed_rows(p_firm_id, p_run_id, v_started_at) AS s;
    IF v_key.archived_at IS NULL AND v_found.content_sha256 <> v_seal.content_sha256 THEN
        SELECT
            d.*,
            v_found.row_count AS row_count,
            d.sealed IS DISTINCT FROM d.digest AS is_found
        INTO v_found
        FROM (
            SELECT
                s.table_name,
                s.row_id,
                s.row_no,
                s.place,
                substring(s.digest FOR 8) AS digest,
                substring(lead(s.digest) OVER (ORDER BY s.place) FOR 8) AS next_digest,
                nullif(substring(v_seal.row_digests FROM 8 * s.place::integer - 7 FOR 8), '')
                    AS sealed,
                nullif(substring(v_seal.row_digests FROM 8 * s.place::integer + 1 FOR 8), '')
                    AS next_sealed
            FROM agents.sealed_rows(p_firm_id, p_run_id, v_started_at) AS s
        ) AS d
        -- The first that differs; else the last there is, after which some are missing.
        ORDER BY
            d.sealed IS DISTINCT FROM d.digest DESC,
            CASE WHEN d.sealed IS DISTINCT FROM d.digest THEN d.place ELSE -d.place END
        LIMIT 1;
        table_name := v_found.table_name;
        row_id := v_found.row_id;
        row_no := v_found.row_no;
        reason := CASE
            WHEN v_found.row_id IS NULL THEN 'no row of the run is here'
            WHEN NOT v_found.is_found THEN
                format('%s rows after it are missing', v_seal.row_count - v_found.row_count)
            WHEN v_found.sealed IS NULL OR v_found.sealed = v_found.next_digest
                THEN 'the row was not there when the run was sealed'
            WHEN v_found.next_sealed = v_found.digest THEN 'the row before it is missing'
            ELSE 'the row is not as it was sealed'
        END;
        RETURN NEXT;
        RETURN;
    END IF;

    -- Whoever may write seals may write one too early.
    IF v_key.archived_at IS NULL AND v_run.ended_at IS NULL THEN
        table_name := 'agent_run';
        reason := 'the run was sealed before it ended';
        RETURN NEXT;
        RETURN;
    END IF;

    -- The seal covers hashes of bodies: a body has to be what its hash says, and to be gone when it
    -- was redacted. What was sealed as redacted was so by somebody, too.
    SELECT b.*
    INTO v_found
    FROM (
        SELECT
            'chat_turn' AS table_name,
            t.turn_id AS row_id,
            t.turn_no AS row_no,
            t.created_at AS row_at,
            'content' AS name,
            t.content_storage AS storage,
            t.content_inline AS body,
            t.content_sha256 AS body_sha256,
            t.content_bytes AS body_bytes,
            num_nonnulls(t.content_s3_key, t.content_preview) AS rest
        FROM agents.chat_turn AS t
        WHERE t.firm_id = p_firm_id
            AND t.run_id = p_run_id
            AND t.created_at >= v_started_at
        UNION ALL
        SELECT
            'tool_call', c.tool_call_id, c.call_no, c.requested_at, b.name, b.storage, b.body,
            b.body_sha256, b.body_bytes, b.rest
        FROM agents.tool_call AS c
        CROSS JOIN LATERAL (
            VALUES
                (
                    'args', c.args_storage, c.args_inline, c.args_sha256, c.args_bytes,
                    num_nonnulls(c.args_s3_key, c.args_preview)
                ),
                (
                    'result', c.result_storage, c.result_inline, c.result_sha256, c.result_bytes,
                    num_nonnulls(c.result_s3_key, c.result_preview)
                )
        ) AS b (name, storage, body, body_sha256, body_bytes, rest)
        WHERE c.firm_id = p_firm_id
            AND c.run_id = p_run_id
            AND c.requested_at >= v_started_at
    ) AS b
    WHERE CASE
        WHEN b.storage = 'inline' THEN
            sha256(convert_to(b.body, 'UTF8')) IS DISTINCT FROM b.body_sha256
            OR octet_length(convert_to(b.body, 'UTF8')) IS DISTINCT FROM b.body_bytes
        WHEN b.storage = 'redacted' THEN
            b.body IS NOT NULL
            OR b.rest > 0
            OR NOT EXISTS (
                SELECT
                FROM agents.redaction AS d
                WHERE d.firm_id = p_firm_id
                    AND d.row_id = b.row_id
                    AND d.row_at = b.row_at
                    AND d.body = b.name
                    -- One of this run, so that its seal is looked at below.
                    AND d.run_id = p_run_id
            )
        ELSE b.body IS NOT NULL
    END
    ORDER BY b.table_name, b.row_no
    LIMIT 1;
    IF FOUND THEN
        table_name := v_found.table_name;
        row_id := v_found.row_id;
        row_no := v_found.row_no;
        reason := CASE
            WHEN v_found.storage IS DISTINCT FROM 'redacted'
                THEN 'the body is not what its hash says'
            WHEN v_found.body IS NULL AND v_found.rest = 0
                THEN 'the body was taken away without a redaction'
            ELSE 'there is a body, or some of it, where it was redacted'
        END;
        RETURN NEXT;
        RETURN;
    END IF;

    -- What was redacted was redacted under a seal of its own.
    SELECT d.redaction_id, agents.redaction_fault(d) AS fault
    INTO v_found
    FROM agents.redaction AS d
    WHERE d.firm_id = p_firm_id
        AND d.run_id = p_run_id
        AND agents.redaction_fault(d) IS NOT NULL
    ORDER BY d.redaction_id
    LIMIT 1;
    IF FOUND THEN
        table_name := 'redaction';
        row_id := v_found.redaction_id;
        reason := v_found.fault;
        RETURN NEXT;
        RETURN;
    END IF;

    -- The conversation has counted at least as far as the run has spoken.
    PERFORM
    FROM agents.chat_session AS s
    WHERE s.firm_id = p_firm_id
        AND s.session_id = v_run.session_id
        AND s.last_turn_no < (
            SELECT max(t.turn_no)
            FROM agents.chat_turn AS t
            WHERE t.firm_id = p_firm_id
                AND t.run_id = p_run_id
                AND t.created_at >= v_started_at
        );
    IF FOUND THEN
        table_name := 'chat_session';
        row_id := v_run.session_id;
        reason := 'the conversation counts fewer turns than the run has';
        RETURN NEXT;
        RETURN;
    END IF;

    verdict := CASE WHEN v_key.archived_at IS NULL THEN 'holds' ELSE 'archived' END;
    table_name := NULL;
    row_id := NULL;
    reason := CASE
        WHEN v_key.archived_at IS NULL THEN NULL
        WHEN v_seal.run_id IS NULL THEN 'the month of the run has left; it was never sealed'
        ELSE 'the month of the run has left'
    END;
    RETURN NEXT;
END;
$function$;

COMMENT ON FUNCTION agents.verify_seal(uuid, uuid) IS
    'Compares a run with its seal. One row: the verdict is holds, differs (with the first row that'
    ' does, and how), open (the run has not ended) or archived (its month has left, so that only '
    'its key was compared, and what of it is in a later month). Raises P0002 when there is neither '
    'run nor seal; 42501 and 22004 as platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.verify_seal(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.verify_seal(uuid, uuid) TO muniment_app, muniment_reader;

COMMIT;

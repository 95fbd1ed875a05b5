-- Deploy agents:seal_runs to pg
-- requires: sealed_rows
-- requires: take_chain
--
-- For who writes many runs at once: their rows are read once for all of them, in the order of
-- agents.sealed_rows(), and their seals stand one after the other in one chain.
-- Locks: none.  Docs: docs/schema/agents.md#seal-runs

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.seal_runs(p_firm_id uuid, p_run_ids uuid[], p_from timestamptz)
RETURNS void
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_now   CONSTANT timestamptz := clock_timestamp();
    v_open  uuid;
    v_call  agents.tool_call;
    v_chain agents.seal_chain;
    v_run   record;
    v_seal  agents.run_seal;
    v_seals agents.run_seal[] := '{}';
BEGIN
    SELECT r.run_id
    INTO v_open
    FROM agents.agent_run AS r
    WHERE r.firm_id = p_firm_id
        AND r.run_id = ANY (p_run_ids)
        AND r.started_at >= p_from
        AND r.ended_at IS NULL
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'p_run_ids: run % has not ended', v_open
            USING ERRCODE = 'MU103',
                  HINT = 'A seal is the last thing that happens to a run: agents.finish_run().';
    END IF;

    SELECT c.*
    INTO v_call
    FROM agents.tool_call AS c
    WHERE c.firm_id = p_firm_id
        AND c.run_id = ANY (p_run_ids)
        AND c.requested_at >= p_from
        AND c.status IN ('requested', 'waiting_approval', 'running')
    ORDER BY c.run_id, c.call_no
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'p_run_ids: call % of run % is open', v_call.call_no, v_call.run_id
            USING ERRCODE = 'MU115',
                  HINT = 'Write down how each call ended; unknown is an end, too.';
    END IF;

    v_chain := agents.take_chain(p_firm_id);
    FOR v_run IN
        WITH mine AS MATERIALIZED (
            SELECT r AS run, r.run_id, r.started_at, r.session_id
            FROM agents.agent_run AS r
            WHERE r.firm_id = p_firm_id
                AND r.run_id = ANY (p_run_ids)
                AND r.started_at >= p_from
        )
        SELECT
            s.run_id,
            s.started_at,
            count(*)::integer AS row_count,
            string_agg(substring(s.digest FOR 8), '' ORDER BY s.rank, s.no, s.id) AS row_digests,
            sha256(string_agg(s.digest, '' ORDER BY s.rank, s.no, s.id)) AS content_sha256
        FROM (
            SELECT
                k.run_id, k.started_at, 1 AS rank, 0 AS no, k.run_id AS id,
                agents.agent_run_key_digest(k) AS digest
            FROM agents.agent_run_key AS k
            WHERE k.firm_id = p_firm_id
                AND k.run_id = ANY (p_run_ids)
            UNION ALL
            SELECT r.run_id, r.started_at, 2, 0, r.run_id, agents.agent_run_digest(r.run)
            FROM mine AS r
            UNION ALL
            SELECT r.run_id, r.started_at, 3, 0, r.run_id, agents.chat_session_digest(c)
            FROM mine AS r
            INNER JOIN agents.chat_session AS c
                ON c.firm_id = p_firm_id
                AND c.session_id = r.session_id
            UNION ALL
            SELECT t.run_id, t.run_started_at, 4, t.turn_no, t.turn_id, agents.chat_turn_digest(t)
            FROM agents.chat_turn AS t
            WHERE t.firm_id = p_firm_id
                AND t.run_id = ANY (p_run_ids)
                AND t.created_at >= p_from
            UNION ALL
            SELECT
                c.run_id, c.run_started_at, 5, c.call_no, c.tool_call_id,
                agents.tool_call_digest(c)
            FROM agents.tool_call AS c
            WHERE c.firm_id = p_firm_id
                AND c.run_id = ANY (p_run_ids)
                AND c.requested_at >= p_from
        ) AS s
        GROUP BY s.run_id, s.started_at
        ORDER BY s.started_at, s.run_id
    LOOP
        v_seal.firm_id := p_firm_id;
        v_seal.chain_no := v_chain.chain_no;
        v_seal.seal_no := v_chain.last_seal_no + 1;
        v_seal.format_no := 1;
        v_seal.kind := 'run';
        v_seal.run_id := v_run.run_id;
        v_seal.run_started_at := v_run.started_at;
        v_seal.sealed_at := v_now;
        v_seal.row_count := v_run.row_count;
        v_seal.row_digests := v_run.row_digests;
        v_seal.content_sha256 := v_run.content_sha256;
        v_seal.previous_sha256 := v_chain.last_sha256;
        v_seal.seal_sha256 := agents.seal_sha256(
            p_firm_id, v_seal.chain_no, v_seal.seal_no, v_seal.format_no, v_seal.kind,
            v_seal.run_id, v_seal.run_started_at, NULL, v_now, v_seal.row_count,
            v_seal.row_digests, v_seal.content_sha256, v_seal.previous_sha256
        );
        v_seals := v_seals || v_seal;
        v_chain.last_seal_no := v_seal.seal_no;
        v_chain.last_sha256 := v_seal.seal_sha256;
    END LOOP;

    INSERT INTO agents.run_seal
    SELECT s.*
    FROM unnest(v_seals) AS s;

    UPDATE agents.seal_chain AS c
    SET
        last_seal_no = v_chain.last_seal_no,
        last_sha256 = v_chain.last_sha256
    WHERE c.firm_id = p_firm_id
        AND c.chain_no = v_chain.chain_no;
END;
$function$;

COMMENT ON FUNCTION agents.seal_runs(uuid, uuid[], timestamptz) IS
    'Seals runs that have ended and have no seal yet, none of which started before p_from, one '
    'after the other in one chain. Raises 23505 when one is sealed already; MU103 when one has not'
    ' ended, MU115 when a call of one has not; 40001 above READ COMMITTED when the chain has gone '
    'on meanwhile; 42501 when the tenant is not set.';

REVOKE ALL ON FUNCTION agents.seal_runs(uuid, uuid[], timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.seal_runs(uuid, uuid[], timestamptz) TO muniment_app;

COMMIT;

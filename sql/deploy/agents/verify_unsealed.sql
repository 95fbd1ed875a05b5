-- Deploy agents:verify_unsealed to pg
-- requires: run_seal
-- requires: redaction
-- requires: platform:enter_tenant
--
-- What no seal leads to: chains whose heads are not their last seals, keys and runs that have none
-- though they should, rows of runs that nobody began, redactions that were made up.
-- Locks: none.  Docs: docs/schema/agents.md#verify-unsealed

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.verify_unsealed(
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
DECLARE
    v_from CONSTANT timestamptz := coalesce(p_from, '-infinity');
    -- Without a bound a time that never comes counts, too.
    v_to   CONSTANT timestamptz := coalesce(p_to, 'infinity');
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    verdict := 'differs';

    table_name := 'seal_chain';
    reason := 'the head of the chain is not its last seal';
    FOR chain_no, seal_no IN
        SELECT coalesce(c.chain_no, s.chain_no), s.seal_no
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
            IS DISTINCT FROM (coalesce(s.seal_no, 0), s.seal_sha256)
        ORDER BY 1
    LOOP
        RETURN NEXT;
    END LOOP;
    chain_no := NULL;
    seal_no := NULL;

    table_name := 'agent_run';
    reason := 'the run has ended without a seal';
    FOR run_id IN
        SELECT r.run_id
        FROM agents.agent_run AS r
        WHERE r.firm_id = p_firm_id
            AND r.ended_at >= v_from
            AND (r.ended_at < v_to OR v_to = 'infinity')
            AND NOT EXISTS (
                SELECT
                FROM agents.run_seal AS s
                WHERE s.firm_id = p_firm_id
                    AND s.run_id = r.run_id
                    AND s.kind = 'run'
            )
        ORDER BY r.started_at, r.run_id
    LOOP
        row_id := run_id;
        RETURN NEXT;
    END LOOP;

    table_name := 'agent_run_key';
    reason := 'the key has neither run nor seal';
    FOR run_id IN
        SELECT k.run_id
        FROM agents.agent_run_key AS k
        WHERE k.firm_id = p_firm_id
            AND k.archived_at IS NULL
            AND k.started_at >= v_from
            AND (k.started_at < v_to OR v_to = 'infinity')
            AND NOT EXISTS (
                SELECT
                FROM agents.run_seal AS s
                WHERE s.firm_id = p_firm_id
                    AND s.run_id = k.run_id
                    AND s.kind = 'run'
            )
            AND NOT EXISTS (
                SELECT
                FROM agents.agent_run AS r
                WHERE r.firm_id = p_firm_id
                    AND r.run_id = k.run_id
            )
        ORDER BY k.started_at, k.run_id
    LOOP
        row_id := run_id;
        RETURN NEXT;
    END LOOP;

    -- The foreign keys say the same, but not to everybody; and a row from before its run is where
    -- nobody looks for it.
    reason := 'no run began as the row says';
    FOR table_name, run_id, row_id, row_no IN
        SELECT 'agent_run', r.run_id, r.run_id, NULL::integer
        FROM agents.agent_run AS r
        WHERE r.firm_id = p_firm_id
            AND r.started_at >= v_from
            AND (r.started_at < v_to OR v_to = 'infinity')
            AND NOT EXISTS (
                SELECT
                FROM agents.agent_run_key AS k
                WHERE k.firm_id = p_firm_id
                    AND k.run_id = r.run_id
                    AND k.started_at = r.started_at
            )
        UNION ALL
        SELECT 'chat_turn', t.run_id, t.turn_id, t.turn_no
        FROM agents.chat_turn AS t
        WHERE t.firm_id = p_firm_id
            AND t.run_id IS NOT NULL
            AND t.created_at >= v_from
            AND (t.created_at < v_to OR v_to = 'infinity')
            AND NOT EXISTS (
                SELECT
                FROM agents.agent_run_key AS k
                WHERE k.firm_id = p_firm_id
                    AND k.run_id = t.run_id
                    AND k.started_at = t.run_started_at
                    AND k.started_at <= t.created_at
            )
        UNION ALL
        SELECT 'tool_call', c.run_id, c.tool_call_id, c.call_no
        FROM agents.tool_call AS c
        WHERE c.firm_id = p_firm_id
            AND c.requested_at >= v_from
            AND (c.requested_at < v_to OR v_to = 'infinity')
            AND NOT EXISTS (
                SELECT
                FROM agents.agent_run_key AS k
                WHERE k.firm_id = p_firm_id
                    AND k.run_id = c.run_id
                    AND k.started_at = c.run_started_at
                    AND k.started_at <= c.requested_at
            )
        ORDER BY 1, 2, 4, 3
    LOOP
        RETURN NEXT;
    END LOOP;
    row_no := NULL;

    table_name := 'redaction';
    reason := 'the redaction has no seal';
    FOR run_id, row_id IN
        SELECT d.run_id, d.redaction_id
        FROM agents.redaction AS d
        WHERE d.firm_id = p_firm_id
            AND d.redacted_at >= v_from
            AND (d.redacted_at < v_to OR v_to = 'infinity')
            AND NOT EXISTS (
                SELECT
                FROM agents.run_seal AS s
                WHERE s.firm_id = p_firm_id
                    AND s.redaction_id = d.redaction_id
            )
        ORDER BY d.redaction_id
    LOOP
        RETURN NEXT;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION agents.verify_unsealed(uuid, timestamptz, timestamptz) IS
    'What a look at the seals of a firm cannot find: heads that are not the last seals of their '
    'chains; runs that ended, keys of runs that started and redactions that were made from p_from '
    'on and before p_to without a seal; rows of that time that name a run which did not begin, or '
    'not then. NULL is no bound. One row for each, none when all is well. Raises 42501 and 22004 '
    'as platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.verify_unsealed(uuid, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.verify_unsealed(uuid, timestamptz, timestamptz)
    TO muniment_app, muniment_reader;

COMMIT;

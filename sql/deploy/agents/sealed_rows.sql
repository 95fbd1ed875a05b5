-- Deploy agents:sealed_rows to pg
-- requires: agent_run_key_digest
-- requires: agent_run_digest
-- requires: chat_session_digest
-- requires: chat_turn_digest
-- requires: tool_call_digest
--
-- The rows that a seal covers, in its order: the key, the run, its conversation, its turns by
-- number, its calls by number.
-- Locks: none.  Docs: docs/schema/agents.md#sealed-rows

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.sealed_rows(
    p_firm_id uuid,
    p_run_id uuid,
    p_run_started_at timestamptz
)
RETURNS TABLE (place bigint, table_name text, row_id uuid, row_no integer, digest bytea)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
-- Planning for all months at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_session_id uuid;
BEGIN
    place := 1;
    table_name := 'agent_run_key';
    SELECT k.run_id, agents.agent_run_key_digest(k)
    INTO row_id, digest
    FROM agents.agent_run_key AS k
    WHERE k.firm_id = p_firm_id
        AND k.run_id = p_run_id;
    IF FOUND THEN
        RETURN NEXT;
        place := place + 1;
    END IF;

    table_name := 'agent_run';
    SELECT r.run_id, r.session_id, agents.agent_run_digest(r)
    INTO row_id, v_session_id, digest
    FROM agents.agent_run AS r
    WHERE r.firm_id = p_firm_id
        AND r.run_id = p_run_id
        AND r.started_at = p_run_started_at;
    IF FOUND THEN
        RETURN NEXT;
        place := place + 1;
    END IF;

    IF v_session_id IS NOT NULL THEN
        table_name := 'chat_session';
        SELECT s.session_id, agents.chat_session_digest(s)
        INTO row_id, digest
        FROM agents.chat_session AS s
        WHERE s.firm_id = p_firm_id
            AND s.session_id = v_session_id;
        IF FOUND THEN
            RETURN NEXT;
            place := place + 1;
        END IF;
    END IF;

    table_name := 'chat_turn';
    FOR row_id, row_no, digest IN
        SELECT t.turn_id, t.turn_no, agents.chat_turn_digest(t)
        FROM agents.chat_turn AS t
        WHERE t.firm_id = p_firm_id
            AND t.run_id = p_run_id
            AND t.created_at >= p_run_started_at
        ORDER BY t.turn_no, t.created_at, t.turn_id
    LOOP
        RETURN NEXT;
        place := place + 1;
    END LOOP;

    table_name := 'tool_call';
    FOR row_id, row_no, digest IN
        SELECT c.tool_call_id, c.call_no, agents.tool_call_digest(c)
        FROM agents.tool_call AS c
        WHERE c.firm_id = p_firm_id
            AND c.run_id = p_run_id
            AND c.requested_at >= p_run_started_at
        ORDER BY c.call_no, c.attempt_no, c.requested_at, c.tool_call_id
    LOOP
        RETURN NEXT;
        place := place + 1;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION agents.sealed_rows(uuid, uuid, timestamptz) IS
    'The rows of a run that its seal covers, in the order and with the hashes of seal format 1. '
    'p_run_started_at is the start of the run. Raises 42501 when the tenant is not set.';

REVOKE ALL ON FUNCTION agents.sealed_rows(uuid, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.sealed_rows(uuid, uuid, timestamptz)
    TO muniment_app, muniment_reader, muniment_service;

COMMIT;

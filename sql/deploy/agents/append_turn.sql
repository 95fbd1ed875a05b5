-- Deploy agents:append_turn to pg
-- requires: append_turns
--
-- For a message that is a text and no more; agents.append_turns() takes all that a turn can have.
-- Locks: none.  Docs: docs/schema/agents.md#append-turn

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.append_turn(
    p_firm_id uuid,
    p_session_id uuid,
    p_role text,
    p_content text,
    p_run_id uuid DEFAULT NULL,
    p_worker_id text DEFAULT NULL,
    p_attempt_no integer DEFAULT NULL
)
RETURNS TABLE (turn_id uuid, turn_no integer, created_at timestamptz)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY
    SELECT t.turn_id, t.turn_no, t.created_at
    FROM agents.append_turns(
        p_firm_id,
        p_session_id,
        jsonb_build_array(jsonb_build_object('role', p_role, 'content', p_content)),
        p_run_id,
        p_worker_id,
        p_attempt_no
    ) AS t;
END;
$function$;

COMMENT ON FUNCTION agents.append_turn(uuid, uuid, text, text, uuid, text, integer) IS
    'Appends a text to a session, below an open run if one is named. Raises what '
    'agents.append_turns() raises.';

REVOKE ALL ON FUNCTION agents.append_turn(uuid, uuid, text, text, uuid, text, integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.append_turn(uuid, uuid, text, text, uuid, text, integer)
    TO muniment_app;

COMMIT;

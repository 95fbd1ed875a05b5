-- Deploy agents:append_turns to pg
-- requires: hold_run
-- requires: write_turns
--
-- The run is locked before the session, here and everywhere.
-- Locks: none.  Docs: docs/schema/agents.md#append-turns

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.append_turns(
    p_firm_id uuid,
    p_session_id uuid,
    p_turns jsonb,
    p_run_id uuid DEFAULT NULL,
    p_worker_id text DEFAULT NULL,
    p_attempt_no integer DEFAULT NULL
)
RETURNS TABLE (turn_id uuid, turn_no integer, created_at timestamptz)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_now            timestamptz := clock_timestamp();
    v_run_started_at timestamptz;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    IF p_run_id IS NOT NULL THEN
        v_run_started_at := (
            agents.hold_run(p_firm_id, p_run_id, p_worker_id, p_attempt_no)
        ).started_at;
        -- A run that was started by a clock ahead of this one.
        v_now := greatest(v_now, v_run_started_at);
    END IF;

    RETURN QUERY
    SELECT t.turn_id, t.turn_no, t.created_at
    FROM agents.write_turns(
        p_firm_id, p_session_id, p_turns, p_run_id, v_run_started_at, v_now
    ) AS t;
END;
$function$;

COMMENT ON FUNCTION agents.append_turns(uuid, uuid, jsonb, uuid, text, integer) IS
    'Appends turns, an array of objects, to a session, below an open run if one is named, and '
    'returns them in order. The keys of an object are columns of agents.chat_turn; content is a '
    'text to be kept inline, whose hash and length are computed. Raises 22023 on an unknown key, '
    '22P02, 22003 and 22007 on a bad value; MU104 when the session is not open; MU112 when '
    'created_at is more than five minutes ahead; P0002 when session or run is not there; MU101, '
    'MU102 and MU111 as agents.hold_run() does; 23505 when turn_id and created_at are those of '
    'another turn, so who passes both may send turns again; 23514 by the name of a CHECK, or when '
    'the month has no partition; 40001 above READ COMMITTED; 42501 and 22004 as '
    'platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.append_turns(uuid, uuid, jsonb, uuid, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.append_turns(uuid, uuid, jsonb, uuid, text, integer)
    TO muniment_app;

COMMIT;

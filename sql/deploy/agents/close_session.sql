-- Deploy agents:close_session to pg
-- requires: guard_chat_session
-- requires: platform:enter_tenant
--
-- Locks: none.  Docs: docs/schema/agents.md#close-session

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.close_session(p_firm_id uuid, p_session_id uuid)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_now       CONSTANT timestamptz := clock_timestamp();
    v_closed_at timestamptz;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    UPDATE agents.chat_session AS s
    SET
        status = CASE WHEN s.status = 'open' THEN 'closed' ELSE s.status END,
        -- Not before a turn for whose writer this waited.
        closed_at = coalesce(s.closed_at, greatest(v_now, s.last_turn_at))
    WHERE s.firm_id = p_firm_id
        AND s.session_id = p_session_id
    RETURNING s.closed_at
    INTO v_closed_at;

    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_session_id: session % is not there', p_session_id
            USING ERRCODE = 'P0002',
                  HINT = 'Look at firm and id.';
    END IF;

    RETURN v_closed_at;
END;
$function$;

COMMENT ON FUNCTION agents.close_session(uuid, uuid) IS
    'Closes a session for further turns and returns when it was closed first. Raises P0002 when it'
    ' is not there; 40001 above READ COMMITTED when somebody else wrote to it meanwhile; 42501 and '
    '22004 as platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.close_session(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.close_session(uuid, uuid) TO muniment_app;

COMMIT;

-- Deploy astra:reserve_tokens to pg
-- requires: token_reservations
--
-- Asked before a model is called, with the most that the call may use: that is what keeps many
-- calls at once under one budget. The day of the agent stays locked until the commit, so reserve in
-- a transaction of its own.
-- Locks: one row of agent_daily_usage when it is called.  Docs: docs/schema/astra.md#reserve-tokens

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.reserve_tokens(p_agent_id uuid, p_tokens bigint)
RETURNS uuid
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id         CONSTANT uuid := platform.current_tenant_id();
    v_reservation_id uuid;
BEGIN
    PERFORM
    FROM astra.agents AS a
    WHERE a.org_id = v_org_id
        AND a.id = p_agent_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_agent_id %: no such agent', p_agent_id
            USING ERRCODE = 'no_data_found',
                  HINT = 'Name an agent of the organisation.';
    END IF;

    INSERT INTO astra.token_reservations (org_id, agent_id, tokens)
    VALUES (v_org_id, p_agent_id, p_tokens)
    RETURNING id INTO v_reservation_id;

    RETURN v_reservation_id;
END;
$function$;

COMMENT ON FUNCTION astra.reserve_tokens(uuid, bigint) IS
    'Reserves tokens of the daily budget of an agent for a call: p_tokens is the most that it may '
    'use, in and out. Returns the reservation, for settle_tokens or release_tokens. Raises MU415 '
    'when the tokens do not fit, P0002 when there is no such agent, 23502 without p_tokens, 23514 '
    'when they are not 1 to 4294967294, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION astra.reserve_tokens(uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.reserve_tokens(uuid, bigint) TO muniment_app;

COMMIT;

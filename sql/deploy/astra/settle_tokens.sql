-- Deploy astra:settle_tokens to pg
-- requires: token_reservations
-- requires: llm_usage
--
-- A call that used more than it reserved is written down all the same: the tokens are spent, and
-- the next one is refused.
-- The trigger of llm_usage takes the reservation away.
-- Locks: rows of agent_daily_usage of the agent when it is called.
-- Docs: docs/schema/astra.md#settle-tokens

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.settle_tokens(
    p_reservation_id uuid, p_model text, p_tokens_in integer, p_tokens_out integer,
    p_goal_id uuid DEFAULT NULL
)
RETURNS uuid
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id   CONSTANT uuid := platform.current_tenant_id();
    v_agent_id uuid;
    v_usage_id uuid;
BEGIN
    SELECT r.agent_id
    INTO v_agent_id
    FROM astra.token_reservations AS r
    WHERE r.org_id = v_org_id
        AND r.id = p_reservation_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_reservation_id %: no such reservation', p_reservation_id
            USING ERRCODE = 'no_data_found',
                  HINT = 'It was settled or released before; insert into astra.llm_usage what was '
                         'used without one.';
    END IF;

    INSERT INTO astra.llm_usage (
        org_id, agent_id, goal_id, model, tokens_in, tokens_out, reservation_id
    )
    VALUES (
        v_org_id, v_agent_id, p_goal_id, p_model, p_tokens_in, p_tokens_out, p_reservation_id
    )
    RETURNING id INTO v_usage_id;

    RETURN v_usage_id;
END;
$function$;

COMMENT ON FUNCTION astra.settle_tokens(uuid, text, integer, integer, uuid) IS
    'Puts what a call used in the place of what was reserved for it: tokens in and out, of the '
    'model, for a goal or none; they count on the day of the reservation. Returns the entry of '
    'llm_usage. Raises P0002 when the reservation is not there (any more), 23503 when the goal is '
    'not, 23502 without model or tokens, 23514 for an empty model or less than no tokens, 42501 '
    'when no tenant is set.';

REVOKE ALL ON FUNCTION astra.settle_tokens(uuid, text, integer, integer, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.settle_tokens(uuid, text, integer, integer, uuid) TO muniment_app;

COMMIT;

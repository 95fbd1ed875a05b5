-- Deploy astra:count_used_tokens to pg
-- requires: agent_daily_usage
--
-- What was used is counted even above the budget: it is spent, and what is not written down cannot
-- be refused tomorrow. It counts on the day whose budget was asked for it, so that a call that
-- lasts over midnight does not take from a day on which nobody could know of it.
-- Locks: none.  Docs: docs/schema/astra.md#count-used-tokens

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.count_used_tokens()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_reserved_for date;
BEGIN
    IF TG_WHEN = 'BEFORE' THEN
        SELECT r.usage_date
        INTO v_reserved_for
        FROM astra.token_reservations AS r
        WHERE r.org_id = NEW.org_id
            AND r.id = NEW.reservation_id
            AND r.agent_id = NEW.agent_id;
        NEW.usage_date := coalesce(v_reserved_for, (NEW.created_at AT TIME ZONE 'UTC')::date);
        RETURN NEW;
    END IF;

    -- Of two that settle the same reservation, the second waits here and does not find it.
    IF NEW.reservation_id IS NOT NULL THEN
        DELETE FROM astra.token_reservations AS r
        WHERE r.org_id = NEW.org_id
            AND r.id = NEW.reservation_id
            AND r.agent_id = NEW.agent_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'reservation_id %: no such reservation of agent %',
                NEW.reservation_id, NEW.agent_id
                USING ERRCODE = 'no_data_found',
                      HINT = 'It was settled or released before; enter what was used without one.';
        END IF;
    END IF;

    INSERT INTO astra.agent_daily_usage AS u (org_id, agent_id, usage_date, tokens_used)
    VALUES (
        NEW.org_id, NEW.agent_id, NEW.usage_date, NEW.tokens_in::bigint + NEW.tokens_out
    )
    ON CONFLICT ON CONSTRAINT agent_daily_usage_pk DO UPDATE
    SET tokens_used = u.tokens_used + EXCLUDED.tokens_used;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION astra.count_used_tokens() IS
    'Trigger function of llm_usage: before the insert it finds the day, UTC, that of the '
    'reservation or today; afterwards it adds the tokens to that day of the agent, in the place '
    'of the reservation. Raises P0002 when the reservation is not there (any more).';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.count_used_tokens() FROM PUBLIC;

COMMIT;

-- Deploy astra:count_reserved_tokens to pg
-- requires: agent_daily_usage
--
-- Calls are held to the budget of the day here: whoever inserts a reservation, in whatever way, is
-- counted or refused. After the insert, since one that meets a conflict and does nothing must not
-- be counted.
-- Locks: none.  Docs: docs/schema/astra.md#count-reserved-tokens

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.count_reserved_tokens()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_budget bigint;
    v_taken  bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE astra.agent_daily_usage AS u
        SET tokens_reserved = u.tokens_reserved - OLD.tokens
        WHERE u.org_id = OLD.org_id
            AND u.agent_id = OLD.agent_id
            AND u.usage_date = OLD.usage_date;
        RETURN NULL;
    END IF;

    INSERT INTO astra.agent_daily_usage (org_id, agent_id, usage_date)
    VALUES (NEW.org_id, NEW.agent_id, NEW.usage_date)
    ON CONFLICT ON CONSTRAINT agent_daily_usage_pk DO NOTHING;

    -- Locked until the end of the transaction: of two that would fit only one after the other, the
    -- second sees the first.
    SELECT u.tokens_used + u.tokens_reserved
    INTO v_taken
    FROM astra.agent_daily_usage AS u
    WHERE u.org_id = NEW.org_id
        AND u.agent_id = NEW.agent_id
        AND u.usage_date = NEW.usage_date
    FOR NO KEY UPDATE;

    -- Read under the lock, or whoever waited for it would go by a budget that was lowered since.
    SELECT a.daily_token_budget
    INTO v_budget
    FROM astra.agents AS a
    WHERE a.org_id = NEW.org_id
        AND a.id = NEW.agent_id;
    IF v_budget IS NULL OR NEW.tokens <= v_budget - v_taken THEN
        UPDATE astra.agent_daily_usage AS u
        SET tokens_reserved = u.tokens_reserved + NEW.tokens
        WHERE u.org_id = NEW.org_id
            AND u.agent_id = NEW.agent_id
            AND u.usage_date = NEW.usage_date;
        RETURN NULL;
    END IF;

    RAISE EXCEPTION 'daily_token_budget of agent %: % tokens do not fit into what is left of %',
        NEW.agent_id, NEW.tokens, v_budget
        USING ERRCODE = 'MU415',
              HINT = 'Reserve less, raise the budget of the agent, or wait until tomorrow, UTC.';
END;
$function$;

COMMENT ON FUNCTION astra.count_reserved_tokens() IS
    'Trigger function of token_reservations: counts a reservation against the budget of the agent '
    'for the day, UTC, and takes it off again when it is deleted. Raises MU415 when the tokens do '
    'not fit.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.count_reserved_tokens() FROM PUBLIC;

COMMIT;

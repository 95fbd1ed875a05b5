-- Deploy astra:count_used_tokens to pg
-- requires: agent_daily_usage
--
-- What was used is counted even above the budget: it is spent, and what is not written down cannot
-- be refused tomorrow.
-- Locks: none.  Docs: docs/schema/astra.md#count-used-tokens

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.count_used_tokens()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    INSERT INTO astra.agent_daily_usage AS u (org_id, agent_id, usage_date, tokens_used)
    VALUES (
        NEW.org_id,
        NEW.agent_id,
        (NEW.created_at AT TIME ZONE 'UTC')::date,
        NEW.tokens_in::bigint + NEW.tokens_out
    )
    ON CONFLICT ON CONSTRAINT agent_daily_usage_pk DO UPDATE
    SET tokens_used = u.tokens_used + EXCLUDED.tokens_used;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION astra.count_used_tokens() IS
    'Trigger function of llm_usage: adds the tokens to the day, UTC, of the agent. Raises '
    'nothing.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.count_used_tokens() FROM PUBLIC;

COMMIT;

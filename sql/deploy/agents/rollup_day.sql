-- Deploy agents:rollup_day to pg
-- requires: daily_usage
-- requires: guard_usage_daily
-- requires: platform:enter_tenant
--
-- One call counts one day of one firm and writes the figures over those of the call before; a day
-- that is not over, or has runs that are open, is simply rolled up again. Runs are never deleted
-- and what they are counted by never changes, so no row of the call before is left standing. Two
-- callers of one day meet at the row with the empty agent, and the later one counts after the
-- earlier has committed.
-- Locks: none now; a call keeps the months of agent_run from being detached until it commits.
-- Docs: docs/schema/agents.md#rollup-day

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.rollup_day(p_firm_id uuid, p_day date)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_now   timestamptz := clock_timestamp();
    v_count integer;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    IF p_day IS NULL THEN
        RAISE EXCEPTION 'p_day: no day is given'
            USING ERRCODE = 'null_value_not_allowed';
    END IF;

    -- The month that the guard of usage_daily finds here stays until this transaction ends.
    LOCK TABLE ONLY agents.agent_run IN ACCESS SHARE MODE;

    INSERT INTO agents.usage_daily AS u (
        firm_id, day, agent_name, provider_name, request_model, subject_type, run_count,
        failure_count, unpriced_count, rolled_up_at
    )
    VALUES (p_firm_id, p_day, '', '', '', '', 0, 0, 0, v_now)
    ON CONFLICT ON CONSTRAINT usage_daily_pk DO UPDATE
    SET rolled_up_at = greatest(u.rolled_up_at, excluded.rolled_up_at);

    -- Who has waited for another caller counts later than it began.
    v_now := clock_timestamp();

    -- Another statement, and so a snapshot that has what the caller before committed.
    INSERT INTO agents.usage_daily (
        firm_id, day, agent_name, provider_name, request_model, subject_type, run_count,
        failure_count, unpriced_count, input_tokens, output_tokens, cache_read_tokens,
        cache_write_tokens, reasoning_tokens, cost_usd, rolled_up_at
    )
    SELECT
        d.firm_id, d.day, d.agent_name, d.provider_name, d.request_model, d.subject_type,
        d.run_count, d.failure_count, d.unpriced_count, d.input_tokens, d.output_tokens,
        d.cache_read_tokens, d.cache_write_tokens, d.reasoning_tokens, d.cost_usd, v_now
    FROM agents.daily_usage AS d
    WHERE d.firm_id = p_firm_id
        AND d.day = p_day
    ON CONFLICT ON CONSTRAINT usage_daily_pk DO UPDATE
    SET run_count = excluded.run_count,
        failure_count = excluded.failure_count,
        unpriced_count = excluded.unpriced_count,
        input_tokens = excluded.input_tokens,
        output_tokens = excluded.output_tokens,
        cache_read_tokens = excluded.cache_read_tokens,
        cache_write_tokens = excluded.cache_write_tokens,
        reasoning_tokens = excluded.reasoning_tokens,
        cost_usd = excluded.cost_usd,
        rolled_up_at = excluded.rolled_up_at;
    GET DIAGNOSTICS v_count = ROW_COUNT;

    RETURN v_count;
END;
$function$;

COMMENT ON FUNCTION agents.rollup_day(uuid, date) IS
    'Writes what a firm used on a day, in UTC, to usage_daily, over what is there, and returns '
    'the number of rows. Raises MU116 when the ledger does not hold the month of the day, 22003 '
    'when a sum is no bigint, 40001 above READ COMMITTED when another caller was faster, 22004 '
    'when a parameter is null, 42501 when the transaction acts for another tenant.';

REVOKE ALL ON FUNCTION agents.rollup_day(uuid, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.rollup_day(uuid, date) TO muniment_app;

COMMIT;

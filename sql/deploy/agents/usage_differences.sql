-- Deploy agents:usage_differences to pg
-- requires: rollup_day
--
-- Empty when every day of the span was rolled up and nothing has changed since. Days whose month
-- has left are not compared, for there is nothing to compare with. One row a figure, so that it
-- reads like a list of what is wrong.
-- Locks: none.  Docs: docs/schema/agents.md#usage-differences

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.usage_differences(p_firm_id uuid, p_from date, p_to date)
RETURNS TABLE (
    day date,
    agent_name text,
    provider_name text,
    request_model text,
    subject_type text,
    figure text,
    kept numeric,
    counted numeric
)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    IF num_nulls(p_from, p_to) > 0 THEN
        RAISE EXCEPTION '%: no day is given', CASE WHEN p_from IS NULL THEN 'p_from' ELSE 'p_to' END
            USING ERRCODE = 'null_value_not_allowed';
    END IF;

    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT d.day
        FROM agents.ledger_day AS d
        WHERE d.day >= p_from
            AND d.day < p_to
    ),
    kept AS (
        SELECT u.*
        FROM agents.usage_daily AS u
        INNER JOIN held AS h ON h.day = u.day
        WHERE u.firm_id = p_firm_id
            AND u.agent_name <> ''
    ),
    counted AS (
        SELECT d.*
        FROM agents.daily_usage AS d
        WHERE d.firm_id = p_firm_id
            AND d.day >= p_from
            AND d.day < p_to
    )
    SELECT
        coalesce(k.day, c.day),
        coalesce(k.agent_name, c.agent_name),
        coalesce(k.provider_name, c.provider_name),
        coalesce(k.request_model, c.request_model),
        coalesce(k.subject_type, c.subject_type),
        f.name,
        f.kept,
        f.counted
    FROM kept AS k
    FULL JOIN counted AS c
        ON c.day = k.day
        AND c.agent_name = k.agent_name
        AND c.provider_name = k.provider_name
        AND c.request_model = k.request_model
        AND c.subject_type = k.subject_type
    CROSS JOIN LATERAL (
        VALUES
            ('run_count', k.run_count::numeric, c.run_count::numeric),
            ('failure_count', k.failure_count::numeric, c.failure_count::numeric),
            ('unpriced_count', k.unpriced_count::numeric, c.unpriced_count::numeric),
            ('input_tokens', k.input_tokens::numeric, c.input_tokens::numeric),
            ('output_tokens', k.output_tokens::numeric, c.output_tokens::numeric),
            ('cache_read_tokens', k.cache_read_tokens::numeric, c.cache_read_tokens::numeric),
            ('cache_write_tokens', k.cache_write_tokens::numeric, c.cache_write_tokens::numeric),
            ('reasoning_tokens', k.reasoning_tokens::numeric, c.reasoning_tokens::numeric),
            ('cost_usd', k.cost_usd::numeric, c.cost_usd::numeric)
    ) AS f (name, kept, counted)
    WHERE f.kept IS DISTINCT FROM f.counted
    ORDER BY 1, 2, 3, 4, 5, 6;
END;
$function$;

COMMENT ON FUNCTION agents.usage_differences(uuid, date, date) IS
    'The figures of usage_daily that are not those of the runs, for the days from p_from on and '
    'before p_to whose months are here: kept is NULL where none was rolled up, counted where '
    'there is no such run. Raises 22003 when a sum is no bigint, 22004 when a parameter is null, '
    '42501 when the transaction acts for another tenant.';

REVOKE ALL ON FUNCTION agents.usage_differences(uuid, date, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.usage_differences(uuid, date, date)
    TO muniment_app, muniment_reader;

COMMIT;

-- Deploy agents:daily_usage to pg
-- requires: agent_run
-- requires: ledger_day
--
-- Asked for a day, it reads one partition, by agent_run_started_at_ix. Asked for all days it reads
-- each day of each month once; usage_daily holds the same figures, for good.
-- Locks: none beyond the new view.  Docs: docs/schema/agents.md#daily-usage

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE VIEW agents.daily_usage
WITH (security_invoker = true) AS
SELECT
    usage.firm_id,
    day.day,
    usage.agent_name,
    usage.provider_name,
    usage.request_model,
    usage.subject_type,
    usage.run_count,
    usage.failure_count,
    usage.unpriced_count,
    usage.input_tokens,
    usage.output_tokens,
    usage.cache_read_tokens,
    usage.cache_write_tokens,
    usage.reasoning_tokens,
    usage.cost_usd
FROM agents.ledger_day AS day
CROSS JOIN LATERAL (
    SELECT
        run.firm_id,
        run.agent_name,
        -- What a provider or a model is called has no limit in agent_run; a key needs one.
        left(coalesce(run.provider_name, ''), 200) AS provider_name,
        left(coalesce(run.request_model, ''), 200) AS request_model,
        coalesce(run.subject_type, '') AS subject_type,
        count(*) AS run_count,
        count(*) FILTER (WHERE run.status IN ('failed', 'timed_out', 'abandoned'))
            AS failure_count,
        count(*) FILTER (WHERE run.cost_usd IS NULL) AS unpriced_count,
        sum(run.input_tokens)::bigint AS input_tokens,
        sum(run.output_tokens)::bigint AS output_tokens,
        sum(run.cache_read_tokens)::bigint AS cache_read_tokens,
        sum(run.cache_write_tokens)::bigint AS cache_write_tokens,
        sum(run.reasoning_tokens)::bigint AS reasoning_tokens,
        sum(run.cost_usd)::numeric(24, 9) AS cost_usd
    FROM agents.agent_run AS run
    WHERE run.started_at >= day.starts_at
        AND run.started_at < day.ends_at
    GROUP BY
        run.firm_id,
        run.agent_name,
        left(coalesce(run.provider_name, ''), 200),
        left(coalesce(run.request_model, ''), 200),
        coalesce(run.subject_type, '')
) AS usage;

COMMENT ON VIEW agents.daily_usage IS
    'Runs, tokens and cost by firm, day, agent, provider, model and kind of subject, from '
    'the runs themselves. A run counts on the day that it started, in UTC.';
COMMENT ON COLUMN agents.daily_usage.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.daily_usage.day IS 'The day, in UTC, that the runs started.';
COMMENT ON COLUMN agents.daily_usage.agent_name IS 'gen_ai.agent.name.';
COMMENT ON COLUMN agents.daily_usage.provider_name IS
    'gen_ai.provider.name, its first 200 characters; empty where none was given.';
COMMENT ON COLUMN agents.daily_usage.request_model IS
    'gen_ai.request.model, its first 200 characters; empty where none was given.';
COMMENT ON COLUMN agents.daily_usage.subject_type IS
    'What kind of thing the runs are about; empty where they are about none.';
COMMENT ON COLUMN agents.daily_usage.run_count IS 'Runs, open ones included.';
COMMENT ON COLUMN agents.daily_usage.failure_count IS
    'Those that failed, timed out or were abandoned.';
COMMENT ON COLUMN agents.daily_usage.unpriced_count IS
    'Those without a price, open ones included: cost_usd is complete when this is 0.';
COMMENT ON COLUMN agents.daily_usage.input_tokens IS
    'Sum of what was reported, cache included. NULL when no run reported any.';
COMMENT ON COLUMN agents.daily_usage.output_tokens IS
    'Sum of what was reported, reasoning included. NULL when no run reported any.';
COMMENT ON COLUMN agents.daily_usage.cache_read_tokens IS 'Part of input_tokens.';
COMMENT ON COLUMN agents.daily_usage.cache_write_tokens IS 'Part of input_tokens.';
COMMENT ON COLUMN agents.daily_usage.reasoning_tokens IS 'Part of output_tokens.';
COMMENT ON COLUMN agents.daily_usage.cost_usd IS
    'Sum of the runs that have a price, without tool_call.cost_usd. NULL when none has, which is '
    'not free.';

GRANT SELECT ON agents.daily_usage TO muniment_reader, muniment_app;

COMMIT;

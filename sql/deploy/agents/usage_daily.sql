-- Deploy agents:usage_daily to pg
-- requires: schema
-- requires: platform:current_tenant_id
-- requires: platform:forbid_change
--
-- The figures of daily_usage, kept when the months that they come from have left. What a run does
-- not say is the empty word in the key, for NULL is equal to nothing and would come again with each
-- rollup; agent_run knows no empty agent, so the row of that name is free to say that a day was
-- rolled up. It adds nothing to any sum, and is what two rollups of one day meet at.
-- rollup_day writes it with the rights of muniment_app, which may so write it past the function as
-- well: while the runs are here usage_differences tells, and afterwards guard_usage_daily refuses.
-- A column that muniment_app may not update is part of the key.
-- Locks: none beyond the new table.  Docs: docs/schema/agents.md#usage-daily

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE TABLE agents.usage_daily (
    firm_id            uuid        NOT NULL,
    day                date        NOT NULL,
    agent_name         text        NOT NULL,
    provider_name      text        NOT NULL,
    request_model      text        NOT NULL,
    subject_type       text        NOT NULL,
    run_count          bigint      NOT NULL,
    failure_count      bigint      NOT NULL,
    unpriced_count     bigint      NOT NULL,
    input_tokens       bigint,
    output_tokens      bigint,
    cache_read_tokens  bigint,
    cache_write_tokens bigint,
    reasoning_tokens   bigint,
    cost_usd           numeric(24,9),
    rolled_up_at       timestamptz NOT NULL,

    CONSTRAINT usage_daily_pk
        PRIMARY KEY (firm_id, day, agent_name, provider_name, request_model, subject_type),
    CONSTRAINT usage_daily_day_is_finite_ck CHECK (isfinite(day)),
    CONSTRAINT usage_daily_key_is_short_ck
        CHECK (
            char_length(agent_name) <= 200
            AND char_length(provider_name) <= 200
            AND char_length(request_model) <= 200
            AND char_length(subject_type) <= 63
        ),
    CONSTRAINT usage_daily_counts_ck
        CHECK (
            run_count >= 0
            AND failure_count BETWEEN 0 AND run_count
            AND unpriced_count BETWEEN 0 AND run_count
        ),
    -- The row that says that the day was rolled up counts nothing.
    CONSTRAINT usage_daily_empty_agent_ck
        CHECK (
            (agent_name = '') = (run_count = 0)
            AND (
                agent_name <> ''
                OR (
                    concat(provider_name, request_model, subject_type) = ''
                    AND num_nonnulls(
                        input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
                        reasoning_tokens
                    ) = 0
                )
            )
        ),
    CONSTRAINT usage_daily_tokens_ck
        CHECK (
            input_tokens >= 0 AND output_tokens >= 0 AND cache_read_tokens >= 0
            AND cache_write_tokens >= 0 AND reasoning_tokens >= 0
        ),
    CONSTRAINT usage_daily_cost_usd_ck CHECK (cost_usd >= 0 AND cost_usd <> 'NaN'),
    -- NULL is unpriced, and nothing else: a sum of nothing is not free.
    CONSTRAINT usage_daily_unpriced_has_no_cost_ck
        CHECK ((cost_usd IS NULL) = (unpriced_count = run_count)),
    CONSTRAINT usage_daily_times_are_finite_ck CHECK (isfinite(rolled_up_at))
);

COMMENT ON TABLE agents.usage_daily IS
    'What agents used by day, as rollup_day() found it; kept when the month leaves. A row with an '
    'empty agent_name counts nothing: it says that the day was rolled up.';
COMMENT ON COLUMN agents.usage_daily.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.usage_daily.day IS 'The day, in UTC, that the runs started.';
COMMENT ON COLUMN agents.usage_daily.agent_name IS
    'gen_ai.agent.name; empty in the row that says that the day was rolled up.';
COMMENT ON COLUMN agents.usage_daily.provider_name IS
    'gen_ai.provider.name, its first 200 characters; empty where none was given.';
COMMENT ON COLUMN agents.usage_daily.request_model IS
    'gen_ai.request.model, its first 200 characters; empty where none was given.';
COMMENT ON COLUMN agents.usage_daily.subject_type IS
    'What kind of thing the runs are about; empty where they are about none.';
COMMENT ON COLUMN agents.usage_daily.run_count IS 'Runs, those included that were open.';
COMMENT ON COLUMN agents.usage_daily.failure_count IS
    'Those that failed, timed out or were abandoned.';
COMMENT ON COLUMN agents.usage_daily.unpriced_count IS
    'Those without a price: cost_usd is complete when this is 0.';
COMMENT ON COLUMN agents.usage_daily.input_tokens IS
    'Sum of what was reported, cache included. NULL when no run reported any.';
COMMENT ON COLUMN agents.usage_daily.output_tokens IS
    'Sum of what was reported, reasoning included. NULL when no run reported any.';
COMMENT ON COLUMN agents.usage_daily.cache_read_tokens IS 'Part of input_tokens.';
COMMENT ON COLUMN agents.usage_daily.cache_write_tokens IS 'Part of input_tokens.';
COMMENT ON COLUMN agents.usage_daily.reasoning_tokens IS 'Part of output_tokens.';
COMMENT ON COLUMN agents.usage_daily.cost_usd IS
    'Sum of the runs that have a price. NULL when none has, which is not free.';
COMMENT ON COLUMN agents.usage_daily.rolled_up_at IS
    'When these figures were found; with an empty agent_name, when they were last asked for.';

CREATE TRIGGER usage_daily_forbid_delete_tg
    BEFORE DELETE ON agents.usage_daily
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER usage_daily_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.usage_daily
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.usage_daily ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.usage_daily FORCE ROW LEVEL SECURITY;

-- The owner is named too: under FORCE it would silently see nothing; this way it gets 42501.
CREATE POLICY usage_daily_tenant ON agents.usage_daily
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE POLICY usage_daily_tenant_guard ON agents.usage_daily AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT ON agents.usage_daily TO muniment_app;
GRANT UPDATE (
    run_count, failure_count, unpriced_count, input_tokens, output_tokens, cache_read_tokens,
    cache_write_tokens, reasoning_tokens, cost_usd, rolled_up_at
) ON agents.usage_daily TO muniment_app;
GRANT SELECT ON agents.usage_daily TO muniment_reader;

COMMIT;

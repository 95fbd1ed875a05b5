-- Deploy agents:unpriced_run to pg
-- requires: agent_run
--
-- Give a span of started_at: it names the partitions to read, and agent_run_started_at_ix finds the
-- firm's runs in them. No index holds the unpriced alone: each run would enter it as it starts and
-- leave it as it ends.
-- Locks: none beyond the new view.  Docs: docs/schema/agents.md#unpriced-run

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE VIEW agents.unpriced_run
WITH (security_invoker = true) AS
SELECT
    firm_id,
    run_id,
    started_at,
    ended_at,
    status,
    agent_name,
    provider_name,
    request_model,
    response_model,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    reasoning_tokens
FROM agents.agent_run
WHERE cost_usd IS NULL;

COMMENT ON VIEW agents.unpriced_run IS
    'Each run without a price: what daily_usage counts as unpriced.';
COMMENT ON COLUMN agents.unpriced_run.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.unpriced_run.run_id IS 'The run.';
COMMENT ON COLUMN agents.unpriced_run.started_at IS 'When the run started.';
COMMENT ON COLUMN agents.unpriced_run.ended_at IS
    'When it ended. NULL while it is open, and may yet get a price.';
COMMENT ON COLUMN agents.unpriced_run.status IS 'As in agent_run.';
COMMENT ON COLUMN agents.unpriced_run.agent_name IS 'gen_ai.agent.name.';
COMMENT ON COLUMN agents.unpriced_run.provider_name IS 'gen_ai.provider.name.';
COMMENT ON COLUMN agents.unpriced_run.request_model IS 'gen_ai.request.model.';
COMMENT ON COLUMN agents.unpriced_run.response_model IS 'gen_ai.response.model.';
COMMENT ON COLUMN agents.unpriced_run.input_tokens IS
    'To be priced, cache included. NULL when not reported.';
COMMENT ON COLUMN agents.unpriced_run.output_tokens IS
    'To be priced, reasoning included. NULL when not reported.';
COMMENT ON COLUMN agents.unpriced_run.cache_read_tokens IS 'Part of input_tokens.';
COMMENT ON COLUMN agents.unpriced_run.cache_write_tokens IS 'Part of input_tokens.';
COMMENT ON COLUMN agents.unpriced_run.reasoning_tokens IS 'Part of output_tokens.';

GRANT SELECT ON agents.unpriced_run TO muniment_reader;

COMMIT;

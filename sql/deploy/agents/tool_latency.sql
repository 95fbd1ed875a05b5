-- Deploy agents:tool_latency to pg
-- requires: tool_call
-- requires: ledger_day
--
-- Asked for a day, it reads one partition, by an index that begins with the firm; the name of a
-- tool makes that a short range of tool_call_definition_ix. The percentiles are of the nearest
-- rank: times that some call did take. The end of a call whose run was ended, or whose worker was
-- lost, is when that was seen, hours later perhaps, and says nothing of the tool.
-- Locks: none beyond the new view.  Docs: docs/schema/agents.md#tool-latency

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE VIEW agents.tool_latency
WITH (security_invoker = true) AS
SELECT
    tool.firm_id,
    day.day,
    tool.tool_name,
    tool.tool_version,
    tool.call_count,
    tool.p50_ms,
    tool.p95_ms,
    tool.max_ms,
    tool.total_ms
FROM agents.ledger_day AS day
CROSS JOIN LATERAL (
    SELECT
        call.firm_id,
        call.tool_name,
        call.tool_version,
        count(*) AS call_count,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY took.ms) AS p50_ms,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY took.ms) AS p95_ms,
        max(took.ms) AS max_ms,
        sum(took.ms)::bigint AS total_ms
    FROM agents.tool_call AS call
    CROSS JOIN LATERAL (
        SELECT round(extract(epoch FROM call.ended_at - call.started_at) * 1000)::bigint AS ms
    ) AS took
    WHERE call.requested_at >= day.starts_at
        AND call.requested_at < day.ends_at
        AND call.started_at IS NOT NULL
        AND call.status IN ('succeeded', 'failed', 'timed_out')
        AND call.error_type IS DISTINCT FROM 'lease_lost'
    GROUP BY call.firm_id, call.tool_name, call.tool_version
) AS tool;

COMMENT ON VIEW agents.tool_latency IS
    'How long each version of a tool took on a day. Counts calls that succeeded, failed or timed '
    'out, on the day that they were requested, in UTC; not those that were cut off: cancelled, '
    'unknown, or failed because their worker lost the run.';
COMMENT ON COLUMN agents.tool_latency.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.tool_latency.day IS 'The day, in UTC, that the calls were requested.';
COMMENT ON COLUMN agents.tool_latency.tool_name IS 'gen_ai.tool.name.';
COMMENT ON COLUMN agents.tool_latency.tool_version IS 'The registered version.';
COMMENT ON COLUMN agents.tool_latency.call_count IS 'Calls that the tool ended.';
COMMENT ON COLUMN agents.tool_latency.p50_ms IS 'Half of them took no longer, in milliseconds.';
COMMENT ON COLUMN agents.tool_latency.p95_ms IS '95 of 100 took no longer, in milliseconds.';
COMMENT ON COLUMN agents.tool_latency.max_ms IS 'The longest, in milliseconds.';
COMMENT ON COLUMN agents.tool_latency.total_ms IS 'All together, in milliseconds.';

GRANT SELECT ON agents.tool_latency TO muniment_reader;

COMMIT;

-- Deploy agents:tool_failure to pg
-- requires: tool_call
-- requires: ledger_day
--
-- Asked for a day, it reads one partition, by an index that begins with the firm; the name of a
-- tool makes that a short range of tool_call_definition_ix. It reads the calls that went well too,
-- for without them no rate can be told.
-- Locks: none beyond the new view.  Docs: docs/schema/agents.md#tool-failure

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE VIEW agents.tool_failure
WITH (security_invoker = true) AS
SELECT
    tool.firm_id,
    day.day,
    tool.tool_name,
    tool.tool_version,
    tool.error_type,
    tool.failure_count,
    tool.timeout_count,
    tool.retryable_count,
    tool.call_count,
    tool.last_failure_at
FROM agents.ledger_day AS day
CROSS JOIN LATERAL (
    SELECT
        call.firm_id,
        call.tool_name,
        call.tool_version,
        call.error_type,
        count(*) FILTER (WHERE call.status IN ('failed', 'timed_out')) AS failure_count,
        count(*) FILTER (WHERE call.status = 'timed_out') AS timeout_count,
        count(*) FILTER (
            WHERE call.status IN ('failed', 'timed_out')
                AND call.is_error_retryable
        ) AS retryable_count,
        (sum(count(*)) OVER (
            PARTITION BY call.firm_id, call.tool_name, call.tool_version
        ))::bigint AS call_count,
        max(call.ended_at) FILTER (WHERE call.status IN ('failed', 'timed_out'))
            AS last_failure_at
    FROM agents.tool_call AS call
    WHERE call.requested_at >= day.starts_at
        AND call.requested_at < day.ends_at
    GROUP BY call.firm_id, call.tool_name, call.tool_version, call.error_type
) AS tool
WHERE tool.failure_count > 0;

COMMENT ON VIEW agents.tool_failure IS
    'How often each version of a tool failed on a day, by error. A call counts on the day '
    'that it was requested, in UTC.';
COMMENT ON COLUMN agents.tool_failure.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.tool_failure.day IS 'The day, in UTC, that the calls were requested.';
COMMENT ON COLUMN agents.tool_failure.tool_name IS 'gen_ai.tool.name.';
COMMENT ON COLUMN agents.tool_failure.tool_version IS 'The registered version.';
COMMENT ON COLUMN agents.tool_failure.error_type IS
    'error.type. NULL for a call that timed out without saying more.';
COMMENT ON COLUMN agents.tool_failure.failure_count IS
    'Calls that failed or timed out with this error.';
COMMENT ON COLUMN agents.tool_failure.timeout_count IS 'Those of them that timed out.';
COMMENT ON COLUMN agents.tool_failure.retryable_count IS
    'Those of them of which the tool said that trying again may help.';
COMMENT ON COLUMN agents.tool_failure.call_count IS
    'All calls of this version on this day: failure_count over it is the rate.';
COMMENT ON COLUMN agents.tool_failure.last_failure_at IS 'When the last of them ended.';

GRANT SELECT ON agents.tool_failure TO muniment_reader;

COMMIT;

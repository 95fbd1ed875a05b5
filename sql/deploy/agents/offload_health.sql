-- Deploy agents:offload_health to pg
-- requires: chat_turn
-- requires: tool_call
--
-- Asked for a month, it reads one partition of each table, and all of the firm's rows in it; the
-- bodies themselves stay where they are. The months come from the catalog, behind OFFSET 0, as in
-- ledger_day. An inline body ends at 32,768 bytes: many near it say that the text would rather be
-- on the shelf.
-- Locks: none beyond the new view.  Docs: docs/schema/agents.md#offload-health

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE VIEW agents.offload_health
WITH (security_invoker = true) AS
SELECT
    body.firm_id,
    month.month,
    month.table_name,
    body.body,
    body.storage,
    body.body_count,
    body.total_bytes,
    body.max_bytes,
    body.near_limit_count
FROM (
    SELECT
        parent.relname::text COLLATE "default" AS table_name,
        first.day::date AS month,
        first.day AT TIME ZONE 'UTC' AS starts_at,
        (first.day + interval '1 month') AT TIME ZONE 'UTC' AS ends_at
    FROM pg_catalog.pg_inherits AS link
    INNER JOIN pg_catalog.pg_class AS parent ON parent.oid = link.inhparent
    INNER JOIN pg_catalog.pg_class AS leaf ON leaf.oid = link.inhrelid
    CROSS JOIN LATERAL (
        SELECT to_date(right(leaf.relname, 6), 'YYYYMM')::timestamp AS day
    ) AS first
    WHERE link.inhparent IN ('agents.chat_turn'::regclass, 'agents.tool_call'::regclass)
    OFFSET 0
) AS month
CROSS JOIN LATERAL (
    SELECT
        part.firm_id,
        part.body,
        part.storage,
        count(*) AS body_count,
        sum(part.bytes)::bigint AS total_bytes,
        max(part.bytes) AS max_bytes,
        count(*) FILTER (WHERE part.storage = 'inline' AND part.bytes > 24576)
            AS near_limit_count
    FROM (
        SELECT firm_id, 'content' AS body, content_storage AS storage, content_bytes AS bytes
        FROM agents.chat_turn
        WHERE month.table_name = 'chat_turn'
            AND created_at >= month.starts_at
            AND created_at < month.ends_at
        UNION ALL
        SELECT firm_id, 'args', args_storage, args_bytes
        FROM agents.tool_call
        WHERE month.table_name = 'tool_call'
            AND requested_at >= month.starts_at
            AND requested_at < month.ends_at
        UNION ALL
        SELECT firm_id, 'result', result_storage, result_bytes
        FROM agents.tool_call
        WHERE month.table_name = 'tool_call'
            AND requested_at >= month.starts_at
            AND requested_at < month.ends_at
    ) AS part
    WHERE part.storage IS NOT NULL
    GROUP BY part.firm_id, part.body, part.storage
) AS body;

COMMENT ON VIEW agents.offload_health IS
    'How many bodies of which size are inline and on the shelf, by month. A body counts '
    'in the month of its row.';
COMMENT ON COLUMN agents.offload_health.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.offload_health.month IS 'First day of the month, in UTC.';
COMMENT ON COLUMN agents.offload_health.table_name IS 'chat_turn or tool_call.';
COMMENT ON COLUMN agents.offload_health.body IS 'content, args or result.';
COMMENT ON COLUMN agents.offload_health.storage IS
    'Where: inline or s3; or redacted, when only hash and length are left.';
COMMENT ON COLUMN agents.offload_health.body_count IS
    'How many. Rows without a body are not counted.';
COMMENT ON COLUMN agents.offload_health.total_bytes IS 'Their length together, in bytes of UTF-8.';
COMMENT ON COLUMN agents.offload_health.max_bytes IS 'The longest.';
COMMENT ON COLUMN agents.offload_health.near_limit_count IS
    'Inline ones of more than 24,576 bytes: three quarters of what may be inline.';

GRANT SELECT ON agents.offload_health TO muniment_reader;

COMMIT;

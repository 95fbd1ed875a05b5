-- Deploy agents:partition_status to pg
-- requires: agent_run
-- requires: chat_turn
-- requires: tool_call
--
-- Read from the catalog alone: no row of a tenant is looked at, so it needs no tenant. What it
-- tells of all firms together, sizes and estimates, the catalog tells everybody who may connect.
-- Locks: none beyond the new view.  Docs: docs/schema/agents.md#partition-status

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE VIEW agents.partition_status
WITH (security_invoker = true) AS
SELECT
    parent.relname::text COLLATE "default" AS table_name,
    leaf.relname::text COLLATE "default" AS partition_name,
    month.first_day::date AS month,
    month.first_day AT TIME ZONE 'UTC' AS starts_at,
    (month.first_day + interval '1 month') AT TIME ZONE 'UTC' AS ends_at,
    nullif(leaf.reltuples, -1)::bigint AS estimated_row_count,
    pg_catalog.pg_total_relation_size(leaf.oid) AS total_bytes
FROM pg_catalog.pg_inherits AS link
INNER JOIN pg_catalog.pg_class AS parent ON parent.oid = link.inhparent
INNER JOIN pg_catalog.pg_class AS leaf ON leaf.oid = link.inhrelid
-- A partition is named after its month, which is cheaper to read than its bounds.
CROSS JOIN LATERAL (
    SELECT to_date(right(leaf.relname, 6), 'YYYYMM')::timestamp AS first_day
) AS month
WHERE link.inhparent IN (
    'agents.agent_run'::regclass, 'agents.chat_turn'::regclass, 'agents.tool_call'::regclass
);

COMMENT ON VIEW agents.partition_status IS
    'The months of each partitioned table. A row is one partition; a table without the '
    'month to come refuses what will be written then.';
COMMENT ON COLUMN agents.partition_status.table_name IS
    'The partitioned table: agent_run, chat_turn or tool_call.';
COMMENT ON COLUMN agents.partition_status.partition_name IS 'The table that holds the month.';
COMMENT ON COLUMN agents.partition_status.month IS 'Its first day.';
COMMENT ON COLUMN agents.partition_status.starts_at IS 'The first instant of the month, in UTC.';
COMMENT ON COLUMN agents.partition_status.ends_at IS 'The first instant of the next month.';
COMMENT ON COLUMN agents.partition_status.estimated_row_count IS
    'Rows of all firms as of the last VACUUM or ANALYZE. NULL before the first.';
COMMENT ON COLUMN agents.partition_status.total_bytes IS 'On disk, with indexes and long values.';

GRANT SELECT ON agents.partition_status TO muniment_reader, muniment_maintainer;

COMMIT;

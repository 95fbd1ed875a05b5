-- Deploy agents:ledger_day to pg
-- requires: agent_run
--
-- What lets a view be asked for a day and read one partition: a calendar whose bounds are columns.
-- Compared with an expression over them, or under GROUP BY day, no partition would be pruned.
-- OFFSET 0 keeps the planner from writing the expressions back into the views: casts to UTC are not
-- LEAKPROOF, and row security would then test them last, without an index.
-- Locks: none beyond the new view.  Docs: docs/schema/agents.md#ledger-day

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE VIEW agents.ledger_day
WITH (security_invoker = true) AS
SELECT
    calendar.day,
    calendar.day::timestamp AT TIME ZONE 'UTC' AS starts_at,
    (calendar.day + 1)::timestamp AT TIME ZONE 'UTC' AS ends_at
FROM pg_catalog.pg_inherits AS link
INNER JOIN pg_catalog.pg_class AS leaf ON leaf.oid = link.inhrelid
CROSS JOIN LATERAL (
    SELECT to_date(right(leaf.relname, 6), 'YYYYMM') AS first_day
) AS month
-- Of a series between two constants the planner knows the length. Of one between dates it takes a
-- thousand days a month for granted, and what reads them for so costly that it is compiled first.
CROSS JOIN generate_series(0, 30) AS number
CROSS JOIN LATERAL (
    SELECT month.first_day + number AS day
) AS calendar
WHERE link.inhparent = 'agents.agent_run'::regclass
    AND calendar.day < month.first_day + interval '1 month'
OFFSET 0;

COMMENT ON VIEW agents.ledger_day IS
    'Every day, in UTC, whose month the ledger holds. Says nothing of any firm.';
COMMENT ON COLUMN agents.ledger_day.day IS 'The day, in UTC.';
COMMENT ON COLUMN agents.ledger_day.starts_at IS 'Its first instant.';
COMMENT ON COLUMN agents.ledger_day.ends_at IS 'The first instant of the next day.';

GRANT SELECT ON agents.ledger_day TO muniment_reader, muniment_app;

COMMIT;

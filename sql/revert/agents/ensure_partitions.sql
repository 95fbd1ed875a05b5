-- Revert agents:ensure_partitions from pg
--
-- The months that it made stay: they belong to their tables.

BEGIN;

DROP FUNCTION agents.ensure_partitions(date, integer);

COMMIT;

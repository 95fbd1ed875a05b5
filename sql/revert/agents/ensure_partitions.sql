-- Revert agents:ensure_partitions from pg
--
-- The months that it made stay: they belong to their tables.

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.ensure_partitions(date, integer);

COMMIT;

-- Revert agents:usage_differences from pg
--
-- Nothing is lost: a function holds no rows.

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.usage_differences(uuid, date, date);

COMMIT;

-- Revert agents:rollup_day from pg
--
-- Nothing is lost: a function holds no rows.

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.rollup_day(uuid, date);

COMMIT;

-- Revert agents:guard_usage_daily from pg

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TRIGGER usage_daily_guard_tg ON agents.usage_daily;
DROP FUNCTION agents.guard_usage_daily();

COMMIT;

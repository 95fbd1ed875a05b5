-- Revert goclaw:usage_caps from pg
--
-- What usage_cap_counters, usage_cap_reservations and usage_cap_events hold cannot be made again,
-- so this refuses while there is a row: it is exported first. Policies are dropped: configuration.
-- Row security is lifted for the question, because without a tenant the owner cannot see whether
-- there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.usage_cap_counters NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.usage_cap_reservations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.usage_cap_events NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.usage_cap_counters) THEN
        RAISE EXCEPTION 'goclaw.usage_cap_counters holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.usage_cap_reservations) THEN
        RAISE EXCEPTION 'goclaw.usage_cap_reservations holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.usage_cap_events) THEN
        RAISE EXCEPTION 'goclaw.usage_cap_events holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.usage_cap_events;
DROP TABLE goclaw.usage_cap_reservations;
DROP TABLE goclaw.usage_cap_counters;
DROP TABLE goclaw.usage_cap_policies;

COMMIT;

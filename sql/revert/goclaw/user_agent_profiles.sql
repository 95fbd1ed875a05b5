-- Revert goclaw:user_agent_profiles from pg
--
-- When users and agents met, and what agents know of them, cannot be made again, so this refuses
-- while user_agent_profiles has a row: it is exported first. Row security is lifted for the
-- question, because without a tenant the owner cannot see whether there are rows. Drops
-- user_agent_overrides with all rows: configuration, which those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.user_agent_profiles NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.user_agent_profiles) THEN
        RAISE EXCEPTION 'goclaw.user_agent_profiles holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.user_agent_overrides;
DROP TABLE goclaw.user_agent_profiles;

COMMIT;

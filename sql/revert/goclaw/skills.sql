-- Revert goclaw:skills from pg
--
-- What skills hold cannot be made again, so this refuses while there is a row: it is exported
-- first. Row security is lifted for the question, because without a tenant the owner cannot see
-- whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.skills NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.skills) THEN
        RAISE EXCEPTION 'goclaw.skills holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.skill_tenant_configs;
DROP TABLE goclaw.skill_user_grants;
DROP TABLE goclaw.skill_agent_grants;
DROP TABLE goclaw.skills;

COMMIT;

-- Revert goclaw:workstations from pg
--
-- What workstation_activity holds cannot be made again, so this refuses while there is a row: it is
-- exported first. Row security is lifted for the question, because without a tenant the owner
-- cannot see whether there are rows. The workstations themselves are configuration, and dropped.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.workstation_activity NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.workstation_activity) THEN
        RAISE EXCEPTION 'goclaw.workstation_activity holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.workstation_activity;
DROP TABLE goclaw.workstation_permissions;
DROP TABLE goclaw.agent_workstation_links;
DROP TABLE goclaw.workstations;

COMMIT;

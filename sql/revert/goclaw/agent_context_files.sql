-- Revert goclaw:agent_context_files from pg
--
-- What agent_context_files and user_context_files hold cannot be made again, so this refuses while
-- there is a row: it is exported first. Row security is lifted for the question, because without a
-- tenant the owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.agent_context_files NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.user_context_files NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.agent_context_files) THEN
        RAISE EXCEPTION 'goclaw.agent_context_files holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.user_context_files) THEN
        RAISE EXCEPTION 'goclaw.user_context_files holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.user_context_files;
DROP TABLE goclaw.agent_context_files;

COMMIT;

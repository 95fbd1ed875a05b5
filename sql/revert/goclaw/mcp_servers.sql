-- Revert goclaw:mcp_servers from pg
--
-- What mcp_access_requests hold cannot be made again, so this refuses while there is a row: it is
-- exported first. Row security is lifted for the question, because without a tenant the owner
-- cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.mcp_access_requests NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.mcp_access_requests) THEN
        RAISE EXCEPTION 'goclaw.mcp_access_requests holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.mcp_access_requests;
DROP FUNCTION goclaw.refuse_second_decision();
DROP TABLE goclaw.mcp_user_credentials;
DROP TABLE goclaw.mcp_user_grants;
DROP TABLE goclaw.mcp_agent_grants;
DROP TABLE goclaw.mcp_servers;

COMMIT;

-- Revert agents:tool_call from pg
--
-- Destroys every recorded tool call, so it refuses while there is one: evidence is
-- exported and archived first. Row security is lifted for the question, because without a tenant
-- the owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE agents.tool_call NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM agents.tool_call) THEN
        RAISE EXCEPTION 'agents.tool_call holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export and archive them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE agents.tool_call;

COMMIT;

-- Revert agents:agent_run_key from pg
--
-- Destroys the identity of every recorded run, so it refuses while there is one: evidence is
-- exported and archived first. Row security is lifted for the question, because without a tenant
-- the owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE agents.agent_run_key NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM agents.agent_run_key) THEN
        RAISE EXCEPTION 'agents.agent_run_key holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export and archive them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE agents.agent_run_key;

COMMIT;

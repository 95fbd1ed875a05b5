-- Revert agents:agent_run from pg
--
-- Destroys every recorded run, so it refuses while there is one: evidence is
-- exported and archived first. Row security is lifted for the question, because without a tenant
-- the owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE agents.agent_run NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM agents.agent_run) THEN
        RAISE EXCEPTION 'agents.agent_run holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export and archive them before this is reverted.';
    END IF;
END;
$revert$;

ALTER TABLE agents.agent_run_key DROP CONSTRAINT agent_run_key_run_fk;

DROP TABLE agents.agent_run;

COMMIT;

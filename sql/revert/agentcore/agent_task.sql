-- Revert agentcore:agent_task from pg
--
-- What agent_task and agent_tool_call hold cannot be made again, so this refuses while there is a
-- row: it is exported first. Row security is lifted for the question, because without a tenant the
-- owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE agentcore.agent_task NO FORCE ROW LEVEL SECURITY;
ALTER TABLE agentcore.agent_tool_call NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM agentcore.agent_task) THEN
        RAISE EXCEPTION 'agentcore.agent_task holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM agentcore.agent_tool_call) THEN
        RAISE EXCEPTION 'agentcore.agent_tool_call holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE agentcore.agent_tool_call;
DROP TABLE agentcore.agent_task;

COMMIT;

-- Revert agentcore:agent_run from pg
--
-- What agent_run and retrieval_hit hold cannot be made again, so this refuses while there is a row:
-- it is exported first. Row security is lifted for the question, because without a tenant the owner
-- cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE agentcore.agent_run NO FORCE ROW LEVEL SECURITY;
ALTER TABLE agentcore.retrieval_hit NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM agentcore.agent_run) THEN
        RAISE EXCEPTION 'agentcore.agent_run holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM agentcore.retrieval_hit) THEN
        RAISE EXCEPTION 'agentcore.retrieval_hit holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE agentcore.retrieval_hit;
DROP TABLE agentcore.agent_run;

COMMIT;

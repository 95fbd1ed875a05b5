-- Revert goclaw:agent_evolution from pg
--
-- What agent_evolution_metrics and agent_evolution_suggestions hold cannot be made again, so this
-- refuses while there is a row: it is exported first. Row security is lifted for the question,
-- because without a tenant the owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.agent_evolution_metrics NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.agent_evolution_suggestions NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.agent_evolution_metrics) THEN
        RAISE EXCEPTION 'goclaw.agent_evolution_metrics holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.agent_evolution_suggestions) THEN
        RAISE EXCEPTION 'goclaw.agent_evolution_suggestions holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.agent_evolution_suggestions;
DROP TABLE goclaw.agent_evolution_metrics;

COMMIT;

-- Revert agents:tool_registry from pg
--
-- Destroys the definition of every tool, so it refuses while there is one: what was seen in an
-- import cannot be rebuilt.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

LOCK TABLE agents.tool_registry IN ACCESS EXCLUSIVE MODE;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM agents.tool_registry) THEN
        RAISE EXCEPTION 'agents.tool_registry holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export and delete them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE agents.tool_registry;

COMMIT;

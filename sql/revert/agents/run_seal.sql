-- Revert agents:run_seal from pg
--
-- What seal_chain and run_seal hold cannot be made again, so this refuses while there is a row: it
-- is exported first. Row security is lifted for the question, because without a tenant the owner
-- cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE agents.seal_chain NO FORCE ROW LEVEL SECURITY;
ALTER TABLE agents.run_seal NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM agents.seal_chain) THEN
        RAISE EXCEPTION 'agents.seal_chain holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM agents.run_seal) THEN
        RAISE EXCEPTION 'agents.run_seal holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE agents.run_seal;
DROP TABLE agents.seal_chain;

COMMIT;

-- Revert agents:seal_fault from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.seal_fault(agents.run_seal);

COMMIT;

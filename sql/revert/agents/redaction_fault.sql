-- Revert agents:redaction_fault from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.redaction_fault(agents.redaction);

COMMIT;

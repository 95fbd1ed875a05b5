-- Revert agents:redaction_digest from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.redaction_digest(agents.redaction);

COMMIT;

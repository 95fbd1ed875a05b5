-- Revert agents:request_cancel from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.request_cancel(uuid, uuid);

COMMIT;

-- Revert agents:close_session from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.close_session(uuid, uuid);

COMMIT;

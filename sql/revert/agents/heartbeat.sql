-- Revert agents:heartbeat from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.heartbeat(uuid, uuid, text, integer, interval);

COMMIT;

-- Revert agents:open_session from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.open_session(uuid, uuid, text, text, text, text, text, text, text, jsonb);

COMMIT;

-- Revert agents:append_seal from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.append_seal(uuid, text, uuid, timestamptz, uuid, bytea[]);

COMMIT;

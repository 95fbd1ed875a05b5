-- Revert agents:start_run from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.start_run(
    uuid, text, text, uuid, timestamptz, uuid, uuid, text, interval, text, text, text, text, text,
    text, text, text, text, text, text, text, jsonb
);

COMMIT;

-- Revert agents:decide_approval from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.decide_approval(
    uuid, uuid, timestamptz, text, text, bytea, text
);

COMMIT;

-- Revert agents:finish_run from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.finish_run(
    uuid, uuid, text, integer, text, text, text, text, boolean, bigint, bigint, bigint, bigint,
    bigint, numeric, text, text, integer, timestamptz
);

COMMIT;

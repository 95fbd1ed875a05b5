-- Revert agents:seal_sha256 from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.seal_sha256(
    uuid, smallint, bigint, smallint, text, uuid, timestamptz, uuid, timestamptz, integer, bytea,
    bytea, bytea
);

COMMIT;

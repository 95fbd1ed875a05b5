-- Revert goclaw:schema from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP SCHEMA goclaw;

COMMIT;

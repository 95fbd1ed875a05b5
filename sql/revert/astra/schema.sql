-- Revert astra:schema from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP SCHEMA astra;

COMMIT;

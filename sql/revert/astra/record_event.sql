-- Revert astra:record_event from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.record_event();

COMMIT;

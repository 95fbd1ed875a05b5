-- Revert astra:stamp_request from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.stamp_request();

COMMIT;

-- Revert platform:forbid_change from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION platform.forbid_change();

COMMIT;

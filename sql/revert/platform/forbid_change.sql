-- Revert platform:forbid_change from pg

BEGIN;

DROP FUNCTION platform.forbid_change();

COMMIT;

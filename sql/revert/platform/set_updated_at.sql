-- Revert platform:set_updated_at from pg

BEGIN;

DROP FUNCTION platform.set_updated_at();

COMMIT;

-- Revert platform:set_updated_at from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION platform.set_updated_at();

COMMIT;

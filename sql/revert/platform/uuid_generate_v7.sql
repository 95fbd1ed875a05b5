-- Revert platform:uuid_generate_v7 from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION platform.uuid_generate_v7();

COMMIT;

-- Revert platform:uuid_generate_v7 from pg

BEGIN;

DROP FUNCTION platform.uuid_generate_v7();

COMMIT;

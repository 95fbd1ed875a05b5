-- Revert platform:schema from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

ALTER DEFAULT PRIVILEGES FOR ROLE muniment_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC;

DROP SCHEMA platform;

COMMIT;

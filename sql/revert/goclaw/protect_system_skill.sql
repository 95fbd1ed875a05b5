-- Revert goclaw:protect_system_skill from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.protect_system_skill();

COMMIT;

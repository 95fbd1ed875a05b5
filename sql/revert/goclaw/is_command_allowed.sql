-- Revert goclaw:is_command_allowed from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.is_command_allowed(uuid, text);

COMMIT;

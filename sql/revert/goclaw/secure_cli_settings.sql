-- Revert goclaw:secure_cli_settings from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.secure_cli_settings(text, uuid, text);

COMMIT;

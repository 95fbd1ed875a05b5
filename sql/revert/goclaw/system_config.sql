-- Revert goclaw:system_config from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.system_config(text);

COMMIT;

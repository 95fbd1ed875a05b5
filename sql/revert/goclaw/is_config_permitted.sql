-- Revert goclaw:is_config_permitted from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.is_config_permitted(uuid, text, text, text);

COMMIT;

-- Revert goclaw:usage_window from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.usage_window(text, timestamptz);

COMMIT;

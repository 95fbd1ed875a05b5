-- Revert goclaw:hooks_for_event from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.hooks_for_event(text, uuid);

COMMIT;

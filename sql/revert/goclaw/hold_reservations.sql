-- Revert goclaw:hold_reservations from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.hold_reservations(text);

COMMIT;

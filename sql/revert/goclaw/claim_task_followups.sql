-- Revert goclaw:claim_task_followups from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.claim_task_followups(integer, integer);

COMMIT;

-- Revert goclaw:spend_hook_budget from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.spend_hook_budget(bigint);

COMMIT;

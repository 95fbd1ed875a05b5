-- Revert agentcore:forbid_by_hand from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.forbid_by_hand();

COMMIT;

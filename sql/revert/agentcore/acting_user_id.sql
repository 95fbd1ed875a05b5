-- Revert agentcore:acting_user_id from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.acting_user_id();

COMMIT;

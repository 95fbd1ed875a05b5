-- Revert agentcore:acting_user_may from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.acting_user_may(text);

COMMIT;

-- Revert agentcore:remember_member from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.remember_member();

COMMIT;

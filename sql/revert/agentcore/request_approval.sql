-- Revert agentcore:request_approval from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.request_approval(uuid, text);

COMMIT;

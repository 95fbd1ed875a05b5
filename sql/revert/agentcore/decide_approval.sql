-- Revert agentcore:decide_approval from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.decide_approval(uuid, text, text, text);

COMMIT;

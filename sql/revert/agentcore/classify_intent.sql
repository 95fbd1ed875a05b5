-- Revert agentcore:classify_intent from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.classify_intent(uuid, platform.vector, double precision);

COMMIT;

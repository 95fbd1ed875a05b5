-- Revert agentcore:record_retrieval from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.record_retrieval(uuid, uuid[], platform.vector, integer);

COMMIT;

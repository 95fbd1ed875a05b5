-- Revert agentcore:search_knowledge from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.search_knowledge(uuid[], platform.vector, integer);

COMMIT;

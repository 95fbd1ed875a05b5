-- Revert agentcore:require_chunk from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.require_chunk();

COMMIT;

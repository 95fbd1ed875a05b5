-- Revert agentcore:schema from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP SCHEMA agentcore;

COMMIT;

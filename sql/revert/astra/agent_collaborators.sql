-- Revert astra:agent_collaborators from pg
--
-- Drops agent_collaborators with all rows: configuration, which those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE astra.agent_collaborators;

COMMIT;

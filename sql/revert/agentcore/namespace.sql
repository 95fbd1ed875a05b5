-- Revert agentcore:namespace from pg
--
-- Drops namespace and namespace_plugin with all rows: configuration, which those who made it can
-- make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE agentcore.namespace_plugin;
DROP TABLE agentcore.namespace;

COMMIT;

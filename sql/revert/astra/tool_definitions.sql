-- Revert astra:tool_definitions from pg
--
-- Drops tool_definitions with all rows: configuration, which those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE astra.tool_definitions;

COMMIT;

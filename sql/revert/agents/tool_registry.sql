-- Revert agents:tool_registry from pg
--
-- Destroys the definitions of every tool, those seen in imports too.

BEGIN;

DROP TABLE agents.tool_registry;

COMMIT;

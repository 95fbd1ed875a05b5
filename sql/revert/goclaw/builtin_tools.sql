-- Revert goclaw:builtin_tools from pg
--
-- Drops builtin_tools and builtin_tool_tenant_configs with all rows: configuration, which those who
-- made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.builtin_tool_tenant_configs;
DROP TABLE goclaw.builtin_tools;

COMMIT;

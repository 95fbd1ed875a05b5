-- Revert agentcore:builtin_roles from pg
--
-- Stops where a user still has one of the roles: a reference forbids it.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DELETE FROM agentcore.system_role
WHERE is_system;

COMMIT;

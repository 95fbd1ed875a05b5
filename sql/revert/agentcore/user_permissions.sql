-- Revert agentcore:user_permissions from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.user_permissions(uuid, uuid);

COMMIT;

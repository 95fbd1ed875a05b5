-- Revert agentcore:request_password_reset from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.request_password_reset(uuid, uuid, bytea, interval);

COMMIT;

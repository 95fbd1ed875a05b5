-- Revert agentcore:use_password_reset from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.use_password_reset(bytea, text);

COMMIT;

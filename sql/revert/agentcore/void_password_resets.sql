-- Revert agentcore:void_password_resets from pg

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TRIGGER users_void_password_resets_tg ON agentcore.users;
DROP FUNCTION agentcore.void_password_resets();

COMMIT;

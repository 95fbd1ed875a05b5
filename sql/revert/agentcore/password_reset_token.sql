-- Revert agentcore:password_reset_token from pg
--
-- Drops password_reset_token with all rows: configuration, which those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE agentcore.password_reset_token;

COMMIT;

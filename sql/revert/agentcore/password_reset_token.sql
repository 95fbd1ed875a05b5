-- Revert agentcore:password_reset_token from pg
--
-- Drops all links: whoever waits for one asks again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE agentcore.password_reset_token;

COMMIT;

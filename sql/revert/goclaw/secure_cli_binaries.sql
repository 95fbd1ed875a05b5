-- Revert goclaw:secure_cli_binaries from pg
--
-- Drops secure_cli_binaries and secure_cli_agent_grants and secure_cli_user_credentials with all
-- rows: configuration, which those who made it can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.secure_cli_user_credentials;
DROP TABLE goclaw.secure_cli_agent_grants;
DROP TABLE goclaw.secure_cli_binaries;

COMMIT;

-- Revert agentcore:raise_token_version from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.raise_token_version();

COMMIT;

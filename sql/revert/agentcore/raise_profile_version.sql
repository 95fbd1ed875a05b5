-- Revert agentcore:raise_profile_version from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.raise_profile_version();

COMMIT;

-- Revert agentcore:needs_approval from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.needs_approval(uuid, text, double precision);

COMMIT;

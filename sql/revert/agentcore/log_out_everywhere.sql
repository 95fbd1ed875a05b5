-- Revert agentcore:log_out_everywhere from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.log_out_everywhere(uuid, uuid);

COMMIT;

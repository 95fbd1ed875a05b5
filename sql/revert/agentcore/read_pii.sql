-- Revert agentcore:read_pii from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.read_pii(uuid, uuid, text);

COMMIT;

-- Revert agentcore:add_pii_placeholder from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.add_pii_placeholder(uuid, text, bytea);

COMMIT;

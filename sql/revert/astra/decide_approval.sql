-- Revert astra:decide_approval from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.decide_approval(uuid, uuid, text);

COMMIT;

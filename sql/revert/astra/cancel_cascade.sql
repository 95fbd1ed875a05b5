-- Revert astra:cancel_cascade from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.cancel_cascade(uuid);

COMMIT;

-- Revert astra:allowed_tools from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.allowed_tools(uuid);

COMMIT;

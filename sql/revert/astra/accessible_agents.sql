-- Revert astra:accessible_agents from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.accessible_agents(uuid);

COMMIT;

-- Revert astra:record_agent_revision from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.record_agent_revision();

COMMIT;

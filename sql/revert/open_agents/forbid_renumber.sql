-- Revert open_agents:forbid_renumber from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION open_agents.forbid_renumber();

COMMIT;

-- Revert open_agents:clamp_marker from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION open_agents.clamp_marker();

COMMIT;

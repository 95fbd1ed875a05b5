-- Revert open_agents:unread_counts from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION open_agents.unread_counts();

COMMIT;

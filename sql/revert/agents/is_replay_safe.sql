-- Revert agents:is_replay_safe from pg
--
-- Nothing is lost: a function holds no rows.

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agents.is_replay_safe(uuid, uuid);

COMMIT;

-- Revert astra:teams from pg
--
-- Drops teams and team_memberships with all rows: configuration, which those who made it can make
-- again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE astra.team_memberships;
DROP TABLE astra.teams;

COMMIT;

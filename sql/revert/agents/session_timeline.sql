-- Revert agents:session_timeline from pg
--
-- Nothing is lost: a view holds no rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP VIEW agents.session_timeline;

COMMIT;

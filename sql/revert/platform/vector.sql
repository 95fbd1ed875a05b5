-- Revert platform:vector from pg
--
-- Refuses by itself while any column still has one of its types.

BEGIN;

DROP EXTENSION vector;

COMMIT;

-- Revert goclaw:count_root_traces from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.count_root_traces(text, timestamptz);

COMMIT;

-- Revert goclaw:archive_subagent_tasks from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.archive_subagent_tasks(timestamptz, integer);

COMMIT;

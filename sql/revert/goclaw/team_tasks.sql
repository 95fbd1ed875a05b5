-- Revert goclaw:team_tasks from pg
--
-- What tasks, comments, events and attachments hold cannot be made again, so this refuses while
-- there is a row: it is exported first. Row security is lifted for the question, because without a
-- tenant the owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.team_tasks NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.team_task_comments NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.team_task_events NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.team_task_attachments NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.team_tasks) THEN
        RAISE EXCEPTION 'goclaw.team_tasks holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.team_task_comments) THEN
        RAISE EXCEPTION 'goclaw.team_task_comments holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.team_task_events) THEN
        RAISE EXCEPTION 'goclaw.team_task_events holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.team_task_attachments) THEN
        RAISE EXCEPTION 'goclaw.team_task_attachments holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.team_task_attachments;
DROP TABLE goclaw.team_task_events;
DROP TABLE goclaw.team_task_comments;
DROP TABLE goclaw.team_tasks;
DROP FUNCTION goclaw.fail_blocked_team_tasks();
DROP FUNCTION goclaw.recount_team_tasks();
DROP FUNCTION goclaw.count_team_task_parts();
DROP FUNCTION goclaw.release_team_tasks();
DROP FUNCTION goclaw.check_team_task_parent();
DROP FUNCTION goclaw.check_team_task_blockers();
DROP FUNCTION goclaw.number_team_task();

COMMIT;

-- Deploy goclaw:create_team_task to pg
-- requires: team_tasks
--
-- The number comes from the trigger of team_tasks, which holds the team until the transaction ends:
-- numbers have no gaps, whoever inserts and whatever is rolled back. So creation in one team goes
-- one by one; keep the transaction short. Under REPEATABLE READ the second of two gets 23505 rather
-- than a number that is taken.
-- Locks: none.  Docs: docs/schema/goclaw.md#create-team-task

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.create_team_task(
    p_team_id uuid,
    p_subject text,
    p_description text DEFAULT NULL,
    p_created_by_agent_id uuid DEFAULT NULL,
    p_blocker_ids uuid[] DEFAULT '{}',
    p_parent_id uuid DEFAULT NULL,
    p_priority integer DEFAULT 0,
    p_task_type text DEFAULT 'general'
)
RETURNS TABLE (id uuid, task_number integer, identifier text)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    RETURN QUERY
    INSERT INTO goclaw.team_tasks AS t (
        tenant_id, team_id, subject, description, created_by_agent_id, blocked_by, parent_id,
        priority, task_type
    ) VALUES (
        v_tenant_id, p_team_id, p_subject, p_description, p_created_by_agent_id, p_blocker_ids,
        p_parent_id, p_priority, p_task_type
    )
    RETURNING t.id, t.task_number, t.identifier::text;
END;
$function$;

COMMENT ON FUNCTION goclaw.create_team_task(uuid, text, text, uuid, uuid[], uuid, integer, text) IS
    'Adds a task to a team and returns its id, number and identifier. p_blocker_ids: the tasks of '
    'the team that have to end first; those that have ended are left out. p_parent_id: the task '
    'of the team that it is a part of. p_priority: the higher the sooner. Raises 42501 when no '
    'tenant is set, 23502 when team, subject, blockers, priority or type are NULL, 22001 when the '
    'subject is longer than 500 characters or the type than 30, 23503 when team, agent or parent '
    'are not there, MU323 when a blocker is no task of the team.';

REVOKE ALL ON FUNCTION goclaw.create_team_task(uuid, text, text, uuid, uuid[], uuid, integer, text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    goclaw.create_team_task(uuid, text, text, uuid, uuid[], uuid, integer, text)
    TO muniment_app;

COMMIT;

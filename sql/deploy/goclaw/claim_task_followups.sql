-- Deploy goclaw:claim_task_followups to pg
-- requires: team_tasks
--
-- Reminders about tasks in progress that are due, of all tenants that are served. Whoever claims
-- one sends it: it is counted first, so nobody is reminded twice, and a reminder whose sender dies
-- is left out.
-- Locks: none.  Docs: docs/schema/goclaw.md#claim-task-followups

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.claim_task_followups(p_seconds integer, p_limit integer DEFAULT 100)
RETURNS TABLE (
    tenant_id uuid,
    task_id uuid,
    followup_no integer,
    message text,
    channel text,
    chat_id text
)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_seconds IS NULL OR p_seconds < 1 THEN
        RAISE EXCEPTION 'p_seconds: reminders are at least one second apart'
            USING ERRCODE = '22023',
                  HINT = 'Give the time after which a task is worth another reminder.';
    END IF;
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION 'p_limit is not a number of reminders'
            USING ERRCODE = '22023',
                  HINT = 'Ask for one reminder or more.';
    END IF;

    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT t.tenant_id, t.id
        FROM goclaw.team_tasks AS t
        WHERE t.status = 'in_progress'
            AND t.followup_at <= now()
            AND t.followup_count < t.followup_max
            AND EXISTS (
                SELECT
                FROM goclaw.tenants AS n
                WHERE n.id = t.tenant_id
                    AND n.status = 'active'
            )
        ORDER BY t.followup_at
        LIMIT p_limit
        FOR NO KEY UPDATE OF t SKIP LOCKED
    )
    UPDATE goclaw.team_tasks AS t
    SET followup_count = t.followup_count + 1,
        followup_at = CASE
            WHEN t.followup_count + 1 < t.followup_max
                THEN now() + make_interval(secs => p_seconds)
        END
    FROM due
    WHERE t.tenant_id = due.tenant_id
        AND t.id = due.id
    RETURNING
        t.tenant_id, t.id, t.followup_count, t.followup_message, t.followup_channel::text,
        t.followup_chat_id::text;
END;
$function$;

COMMENT ON FUNCTION goclaw.claim_task_followups(integer, integer) IS
    'Takes reminders that are due, of all active tenants, the longest due first, and returns what '
    'to send where; followup_no counts from 1 to followup_max of the task. p_seconds: when the '
    'next reminder of the same task is due, from now; after the last there is none. p_limit: how '
    'many at most. Passes over tasks that are locked by another transaction. Raises 22023 when '
    'p_seconds or p_limit is not positive.';

REVOKE ALL ON FUNCTION goclaw.claim_task_followups(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.claim_task_followups(integer, integer) TO muniment_service;

COMMIT;

-- Deploy goclaw:archive_subagent_tasks to pg
-- requires: subagent_tasks
--
-- Tasks that ended long ago are put away, of all tenants; nothing is deleted. The index that is
-- stated for this begins with the status, so each status is walked by itself, from the oldest task
-- on: one statement over all three would sort whatever there is to archive in each call. Whoever
-- archives passes over what somebody else holds, and waits for nobody. NO KEY UPDATE, because a
-- task that is a part of this one holds its key.
-- Locks: none.  Docs: docs/schema/goclaw.md#archive-subagent-tasks

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.archive_subagent_tasks(
    p_before timestamptz,
    p_limit  integer DEFAULT 1000
)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
-- A batch is found again by its key. Left to itself, the planner reads the whole table for that: it
-- takes each look into the index for a read of the disk, and in a generic plan the batch for large.
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $function$
DECLARE
    v_status   text;
    v_count    bigint;
    v_archived bigint := 0;
BEGIN
    IF p_before IS NULL OR p_before > now() THEN
        RAISE EXCEPTION 'p_before is not a time that has passed'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the time since which ended tasks are still of use.';
    END IF;
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION 'p_limit is not a number of rows'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Ask for one row or more.';
    END IF;

    FOREACH v_status IN ARRAY ARRAY['completed', 'failed', 'cancelled'] LOOP
        WITH ended AS MATERIALIZED (
            SELECT t.tenant_id, t.id
            FROM goclaw.subagent_tasks AS t
            WHERE t.status = v_status
                -- The predicate of the index, which no variable can imply.
                AND t.status IN ('completed', 'failed', 'cancelled')
                AND t.archived_at IS NULL
                AND t.completed_at < p_before
            ORDER BY t.completed_at
            LIMIT p_limit - v_archived
            FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE goclaw.subagent_tasks AS t
        SET archived_at = now()
        FROM ended
        WHERE t.tenant_id = ended.tenant_id
            AND t.id = ended.id;
        GET DIAGNOSTICS v_count = ROW_COUNT;
        v_archived := v_archived + v_count;
    END LOOP;

    RETURN v_archived;
END;
$function$;

COMMENT ON FUNCTION goclaw.archive_subagent_tasks(timestamptz, integer) IS
    'Sets archived_at of tasks of agents that ended before p_before and are not archived, of all '
    'tenants, at most p_limit, of each status the oldest first, and returns how many; call it '
    'again, each time in a transaction of its own, until that is 0. A task that does not say when '
    'it ended stays. Passes over rows that another transaction has locked. Raises 22023 when '
    'p_before has not passed or p_limit is not positive.';

REVOKE ALL ON FUNCTION goclaw.archive_subagent_tasks(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.archive_subagent_tasks(timestamptz, integer)
    TO muniment_service;

COMMIT;

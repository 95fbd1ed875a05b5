-- Deploy goclaw:prune_workstation_activity to pg
-- requires: workstations
--
-- The log of commands is a rolling one: every night what is old enough leaves, of all tenants. How
-- old that is, the caller says; a time to come is refused, because it would empty the log. Whoever
-- prunes passes over what somebody else holds, and waits for nobody.
-- Locks: none.  Docs: docs/schema/goclaw.md#prune-workstation-activity

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.prune_workstation_activity(
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
    v_pruned bigint;
BEGIN
    IF p_before IS NULL OR p_before > now() THEN
        RAISE EXCEPTION 'p_before is not a time that has passed'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the time from which on entries are kept.';
    END IF;
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION 'p_limit is not a number of rows'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Ask for one row or more.';
    END IF;

    WITH old AS MATERIALIZED (
        SELECT a.tenant_id, a.id
        FROM goclaw.workstation_activity AS a
        WHERE a.created_at < p_before
        ORDER BY a.created_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM goclaw.workstation_activity AS a
    USING old
    WHERE a.tenant_id = old.tenant_id
        AND a.id = old.id;
    GET DIAGNOSTICS v_pruned = ROW_COUNT;

    RETURN v_pruned;
END;
$function$;

COMMENT ON FUNCTION goclaw.prune_workstation_activity(timestamptz, integer) IS
    'Deletes entries of workstation_activity that are older than p_before, of all tenants, at most '
    'p_limit, the oldest first, and returns how many; call it again, each time in a transaction of '
    'its own, until that is 0. Passes over rows that another transaction has locked. Raises 22023 '
    'when p_before has not passed or p_limit is not positive.';

REVOKE ALL ON FUNCTION goclaw.prune_workstation_activity(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.prune_workstation_activity(timestamptz, integer)
    TO muniment_service;

COMMIT;

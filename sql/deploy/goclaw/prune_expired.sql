-- Deploy goclaw:prune_expired to pg
-- requires: channel_instances
-- requires: pairing
-- requires: browser_cookies
-- requires: episodic_summaries
--
-- What has expired leaves, of all tenants, in batches: a call holds few rows, and those for a short
-- time. Each statement walks the index of its table from the oldest row on. Whoever prunes passes
-- over what somebody else holds, so it waits for nobody, and several can prune at the same time; a
-- row whose end is put off meanwhile stays. No table refers to these.
-- Locks: none.  Docs: docs/schema/goclaw.md#prune-expired

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.prune_expired(p_limit integer DEFAULT 1000)
RETURNS TABLE (table_name text, pruned bigint)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
-- A batch is found again by its key. Left to itself, the planner reads the whole table for that: it
-- takes each look into the index for a read of the disk, and in a generic plan the batch for large.
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $function$
BEGIN
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION 'p_limit is not a number of rows'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Ask for one row or more.';
    END IF;

    WITH expired AS MATERIALIZED (
        SELECT c.tenant_id, c.id
        FROM goclaw.browser_cookies AS c
        WHERE c.expires_at <= now()
        ORDER BY c.expires_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM goclaw.browser_cookies AS c
    USING expired
    WHERE c.tenant_id = expired.tenant_id
        AND c.id = expired.id;
    GET DIAGNOSTICS pruned = ROW_COUNT;
    table_name := 'browser_cookies';
    RETURN NEXT;

    WITH expired AS MATERIALIZED (
        SELECT m.tenant_id, m.id
        FROM goclaw.channel_pending_messages AS m
        WHERE m.created_at < now() - interval '7 days'
        ORDER BY m.created_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM goclaw.channel_pending_messages AS m
    USING expired
    WHERE m.tenant_id = expired.tenant_id
        AND m.id = expired.id;
    GET DIAGNOSTICS pruned = ROW_COUNT;
    table_name := 'channel_pending_messages';
    RETURN NEXT;

    WITH expired AS MATERIALIZED (
        SELECT e.tenant_id, e.id
        FROM goclaw.episodic_summaries AS e
        WHERE e.expires_at <= now()
        ORDER BY e.expires_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM goclaw.episodic_summaries AS e
    USING expired
    WHERE e.tenant_id = expired.tenant_id
        AND e.id = expired.id;
    GET DIAGNOSTICS pruned = ROW_COUNT;
    table_name := 'episodic_summaries';
    RETURN NEXT;

    WITH expired AS MATERIALIZED (
        SELECT d.tenant_id, d.id
        FROM goclaw.paired_devices AS d
        WHERE d.expires_at <= now()
        ORDER BY d.expires_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM goclaw.paired_devices AS d
    USING expired
    WHERE d.tenant_id = expired.tenant_id
        AND d.id = expired.id;
    GET DIAGNOSTICS pruned = ROW_COUNT;
    table_name := 'paired_devices';
    RETURN NEXT;

    WITH expired AS MATERIALIZED (
        SELECT r.tenant_id, r.id
        FROM goclaw.pairing_requests AS r
        WHERE r.expires_at <= now()
        ORDER BY r.expires_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM goclaw.pairing_requests AS r
    USING expired
    WHERE r.tenant_id = expired.tenant_id
        AND r.id = expired.id;
    GET DIAGNOSTICS pruned = ROW_COUNT;
    table_name := 'pairing_requests';
    RETURN NEXT;
END;
$function$;

COMMENT ON FUNCTION goclaw.prune_expired(integer) IS
    'Deletes cookies, pairing codes, pairings and episodes whose expires_at has come, and pending '
    'messages that are older than seven days, of all tenants: at most p_limit rows of each table, '
    'those first that expired first. Returns each table with the number of rows deleted; call it '
    'again, each time in a transaction of its own, until all are 0. Passes over rows that another '
    'transaction has locked. Raises 22023 when p_limit is not positive.';

REVOKE ALL ON FUNCTION goclaw.prune_expired(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.prune_expired(integer) TO muniment_service;

COMMIT;

-- Deploy goclaw:expire_usage to pg
-- requires: usage_caps
--
-- Gives back what callers reserved and neither settled nor released, for all tenants, oldest first.
-- A reservation that somebody is at work on is passed over, and so is one whose policy is being
-- deleted, so that this waits for counters only: several can run at once. It never waits for a
-- reservation while it holds a counter. Counters are bounded and sums numeric: what a runtime has
-- written by hand into those of its tenant stops the others from nothing.
-- Locks: policies and reservations that are free, counters by tenant, policy and window.
-- Docs: docs/schema/goclaw.md#expire-usage

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.expire_usage(p_older_than interval, p_limit integer)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_ids uuid[];
    v_ids        uuid[];
    v_held       record;
    v_count      integer;
BEGIN
    IF (p_older_than BETWEEN interval '0' AND interval '1 year') IS NOT TRUE THEN
        RAISE EXCEPTION 'p_older_than: must be from 0 to 1 year'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass how long the longest request may take.';
    END IF;
    IF (p_limit BETWEEN 1 AND 10000) IS NOT TRUE THEN
        RAISE EXCEPTION 'p_limit: must be between 1 and 10000'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Call it again while it returns as many as the limit.';
    END IF;

    SELECT array_agg(due.tenant_id), array_agg(due.id)
    INTO v_tenant_ids, v_ids
    FROM (
        SELECT r.tenant_id, r.id
        FROM goclaw.usage_cap_reservations AS r
        INNER JOIN goclaw.usage_cap_policies AS p
            ON p.tenant_id = r.tenant_id AND p.id = r.policy_id
        WHERE r.status = 'reserved'
            AND r.created_at < now() - p_older_than
        ORDER BY r.created_at
        LIMIT p_limit
        FOR KEY SHARE OF p SKIP LOCKED
        FOR NO KEY UPDATE OF r SKIP LOCKED
    ) AS due;

    FOR v_held IN
        SELECT
            r.tenant_id,
            r.policy_id,
            r.window_start,
            sum(r.reserved_tokens) AS tokens,
            sum(r.reserved_cost_micros) AS cost_micros
        FROM goclaw.usage_cap_reservations AS r
        INNER JOIN unnest(v_tenant_ids, v_ids) AS due (tenant_id, id)
            ON due.tenant_id = r.tenant_id AND due.id = r.id
        GROUP BY 1, 2, 3
        ORDER BY 1, 2, 3
    LOOP
        UPDATE goclaw.usage_cap_counters AS c
        SET reserved_tokens = greatest(c.reserved_tokens - v_held.tokens, 0),
            reserved_cost_micros = greatest(c.reserved_cost_micros - v_held.cost_micros, 0)
        WHERE c.tenant_id = v_held.tenant_id
            AND c.policy_id = v_held.policy_id
            AND c.window_start = v_held.window_start;
    END LOOP;

    WITH expired AS (
        UPDATE goclaw.usage_cap_reservations AS r
        SET status = 'expired'
        FROM unnest(v_tenant_ids, v_ids) AS due (tenant_id, id)
        WHERE r.tenant_id = due.tenant_id
            AND r.id = due.id
        RETURNING
            r.tenant_id, r.policy_id, r.reservation_key, r.reserved_tokens, r.reserved_cost_micros
    )
    INSERT INTO goclaw.usage_cap_events (
        tenant_id, policy_id, reservation_key, decision, reason, estimated_tokens,
        estimated_cost_micros
    )
    SELECT
        e.tenant_id, e.policy_id, e.reservation_key, 'expire', 'neither settled nor released',
        e.reserved_tokens, e.reserved_cost_micros
    FROM expired AS e;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END;
$function$;

COMMENT ON FUNCTION goclaw.expire_usage(interval, integer) IS
    'Gives back what at most p_limit (1 to 10000) reservations of any tenant hold that were made '
    'longer than p_older_than (0 to 1 year) ago and are neither settled nor released, the oldest '
    'first, and notes an event for each. Returns how many. Raises 22023 for an age or a limit out '
    'of range.';

REVOKE ALL ON FUNCTION goclaw.expire_usage(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.expire_usage(interval, integer) TO muniment_service;

COMMIT;

-- Deploy goclaw:claim_heartbeats to pg
-- requires: agent_heartbeats
-- requires: heartbeat_opens_at
--
-- Due heartbeats go to one worker each, in the same way as cron jobs: a claim is
-- last_status = 'running' and last_run_at, and holds for p_lease. What is due outside of its active
-- hours is put off until they open; it leaves the index of what is due, so that agents which sleep
-- are not looked at again and again.
-- A claim locks rows of agent_heartbeats and nothing else, and skips what is locked: it waits for
-- nobody. NO KEY UPDATE, because a log that is being written holds the key of its heartbeat.
-- Locks: none.  Docs: docs/schema/goclaw.md#claim-heartbeats

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.claim_heartbeats(p_limit integer, p_lease interval DEFAULT '15 minutes')
RETURNS SETOF goclaw.agent_heartbeats
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_now       CONSTANT timestamptz := clock_timestamp();
    v_due       record;
    v_heartbeat goclaw.agent_heartbeats;
    v_left      integer := p_limit;
    v_opens_at  timestamptz;
BEGIN
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION 'p_limit is not a number of heartbeats'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Ask for one heartbeat or more.';
    END IF;
    IF p_lease IS NULL OR p_lease <= '0' OR p_lease > '1 year' THEN
        RAISE EXCEPTION 'p_lease is not a time of up to a year'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give longer than the longest run takes.';
    END IF;

    -- Once through what is due, a row at a time: only what is claimed or put off is locked, and
    -- whoever sleeps is passed once.
    FOR v_due IN
        SELECT
            h.tenant_id,
            h.id
        FROM goclaw.agent_heartbeats AS h
        WHERE h.enabled
            AND h.next_run_at <= v_now
            AND (h.last_status IS DISTINCT FROM 'running' OR h.last_run_at <= v_now - p_lease)
            AND EXISTS (
                SELECT
                FROM goclaw.tenants AS t
                WHERE t.id = h.tenant_id
                    AND t.status = 'active'
            )
            AND EXISTS (
                SELECT
                FROM goclaw.agents AS a
                WHERE a.tenant_id = h.tenant_id
                    AND a.id = h.agent_id
                    AND a.status = 'active'
                    AND a.deleted_at IS NULL
            )
        ORDER BY h.next_run_at, h.tenant_id, h.id
    LOOP
        -- Somebody else may have claimed or changed it since it was found.
        SELECT h.*
        INTO v_heartbeat
        FROM goclaw.agent_heartbeats AS h
        WHERE h.tenant_id = v_due.tenant_id
            AND h.id = v_due.id
            AND h.enabled
            AND h.next_run_at <= v_now
            AND (h.last_status IS DISTINCT FROM 'running' OR h.last_run_at <= v_now - p_lease)
        FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;

        -- A zone that the server has lost with an update of its zones must not stop the others; the
        -- row cannot be changed until it has another, since its CHECK asks for the zone too.
        BEGIN
            v_opens_at := goclaw.heartbeat_opens_at(
                v_now, v_heartbeat.active_hours_start, v_heartbeat.active_hours_end,
                v_heartbeat.timezone
            );
            UPDATE goclaw.agent_heartbeats AS h
            SET next_run_at = CASE WHEN v_opens_at > v_now THEN v_opens_at ELSE h.next_run_at END,
                last_run_at = CASE
                    WHEN v_opens_at > v_now THEN h.last_run_at
                    ELSE greatest(v_now, h.last_run_at + interval '1 microsecond')
                END,
                last_status = CASE WHEN v_opens_at > v_now THEN 'skipped' ELSE 'running' END,
                suppress_count = h.suppress_count
                    + (v_opens_at > v_now AND h.suppress_count < 2147483647)::integer,
                last_error = CASE
                    WHEN h.last_status = 'running' THEN 'the run before this one did not end'
                    ELSE h.last_error
                END
            WHERE h.tenant_id = v_due.tenant_id
                AND h.id = v_due.id
            RETURNING h.* INTO v_heartbeat;
        EXCEPTION
            WHEN invalid_parameter_value THEN
                RAISE WARNING 'heartbeat % of tenant % cannot be claimed: %',
                    v_due.id, v_due.tenant_id, SQLERRM
                    USING HINT = 'Give it a time zone that this server knows.';
                CONTINUE;
        END;

        IF v_heartbeat.last_status = 'running' THEN
            v_left := v_left - 1;
            RETURN NEXT v_heartbeat;
        END IF;
        EXIT WHEN v_left = 0;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION goclaw.claim_heartbeats(integer, interval) IS
    'Claims up to p_limit heartbeats that are due and within their active hours, of active agents '
    'of active tenants, those first that are due longest, and returns them. What is due outside '
    'of its active hours is put off until they open, and counted as skipped. p_lease: how long a '
    'claim holds, longer than the longest run and up to a year; a run that has not ended by then '
    'is taken for lost, and its heartbeat is claimed again. finish_heartbeat() wants last_run_at '
    'of the answer, to the microsecond. Heartbeats that another session has locked are left to '
    'it; one whose time zone the server no longer has is passed by with a warning. Raises 22023 '
    'when p_limit or p_lease is not positive, or p_lease is longer.';

REVOKE ALL ON FUNCTION goclaw.claim_heartbeats(integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.claim_heartbeats(integer, interval) TO muniment_service;

COMMIT;

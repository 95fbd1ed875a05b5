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
    v_heartbeat goclaw.agent_heartbeats;
    v_left      integer := p_limit;
    v_found     boolean;
BEGIN
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION 'p_limit is not a number of heartbeats'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Ask for one heartbeat or more.';
    END IF;
    IF p_lease IS NULL OR p_lease <= '0' THEN
        RAISE EXCEPTION 'p_lease is not a time to come'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give longer than the longest run takes.';
    END IF;

    -- Again, while some of what was found sleeps: an empty answer means that nothing is due.
    LOOP
        v_found := false;
        FOR v_heartbeat IN
            WITH due AS (
                SELECT
                    h.tenant_id,
                    h.id,
                    goclaw.heartbeat_opens_at(
                        now(), h.active_hours_start, h.active_hours_end, h.timezone
                    ) AS opens_at
                FROM goclaw.agent_heartbeats AS h
                WHERE h.enabled
                    AND h.next_run_at <= now()
                    AND (
                        h.last_status IS DISTINCT FROM 'running'
                        OR h.last_run_at <= now() - p_lease
                    )
                    AND EXISTS (
                        SELECT
                        FROM goclaw.tenants AS t
                        WHERE t.id = h.tenant_id
                            AND t.status = 'active'
                    )
                ORDER BY h.next_run_at
                LIMIT v_left
                FOR NO KEY UPDATE OF h SKIP LOCKED
            ),
            changed AS (
                UPDATE goclaw.agent_heartbeats AS h
                SET next_run_at = CASE
                        WHEN due.opens_at > now() THEN due.opens_at
                        ELSE h.next_run_at
                    END,
                    last_run_at = CASE
                        WHEN due.opens_at > now() THEN h.last_run_at
                        ELSE now()
                    END,
                    last_status = CASE WHEN due.opens_at > now() THEN 'skipped' ELSE 'running' END,
                    suppress_count = h.suppress_count + (due.opens_at > now())::integer,
                    last_error = CASE
                        WHEN h.last_status = 'running' THEN 'the run before this one did not end'
                        ELSE h.last_error
                    END
                FROM due
                WHERE h.tenant_id = due.tenant_id
                    AND h.id = due.id
                RETURNING h.*
            )
            SELECT *
            FROM changed AS c
            ORDER BY c.next_run_at, c.tenant_id, c.id
        LOOP
            v_found := true;
            IF v_heartbeat.last_status = 'running' THEN
                v_left := v_left - 1;
                RETURN NEXT v_heartbeat;
            END IF;
        END LOOP;
        EXIT WHEN NOT v_found OR v_left = 0;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION goclaw.claim_heartbeats(integer, interval) IS
    'Claims up to p_limit heartbeats that are due and within their active hours, of all active '
    'tenants, those first that are due longest, and returns them. What is due outside of its '
    'active hours is put off until they open, and counted as skipped. p_lease: how long a claim '
    'holds, longer than the longest run; a run that has not ended by then is taken for lost, and '
    'its heartbeat is claimed again. finish_heartbeat() wants last_run_at of the answer, to the '
    'microsecond. Heartbeats that another session has locked are left to it. Raises 22023 when '
    'p_limit or p_lease is not positive.';

REVOKE ALL ON FUNCTION goclaw.claim_heartbeats(integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.claim_heartbeats(integer, interval) TO muniment_service;

COMMIT;

-- Deploy goclaw:finish_heartbeat to pg
-- requires: agent_heartbeats
--
-- The end of a run that claim_heartbeats() began, by whoever still has the claim. A worker that was
-- too slow, and whose heartbeat somebody else claimed, is refused and changes nothing.
-- The log is written first, even of a run that is refused, which takes it back: its references lock
-- agent and heartbeat in the order in which a deletion of the agent does. A heartbeat that was
-- deleted while the log waited for it is gone like one that was deleted before.
-- Locks: none.  Docs: docs/schema/goclaw.md#finish-heartbeat

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.finish_heartbeat(
    p_tenant_id uuid,
    p_heartbeat_id uuid,
    p_claimed_at timestamptz,
    p_status text,
    p_next_run_at timestamptz DEFAULT NULL,
    p_summary text DEFAULT NULL,
    p_error text DEFAULT NULL,
    p_skip_reason text DEFAULT NULL,
    p_input_tokens integer DEFAULT 0,
    p_output_tokens integer DEFAULT 0,
    p_duration_ms integer DEFAULT NULL
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_next_run_at timestamptz;
BEGIN
    BEGIN
        INSERT INTO goclaw.heartbeat_run_logs (
            tenant_id, heartbeat_id, agent_id, status, summary, error, skip_reason, input_tokens,
            output_tokens, duration_ms, ran_at
        )
        SELECT
            h.tenant_id,
            h.id,
            h.agent_id,
            p_status,
            p_summary,
            p_error,
            p_skip_reason,
            p_input_tokens,
            p_output_tokens,
            p_duration_ms,
            h.last_run_at
        FROM goclaw.agent_heartbeats AS h
        WHERE h.tenant_id = p_tenant_id
            AND h.id = p_heartbeat_id
            AND h.last_run_at = p_claimed_at;
    EXCEPTION
        -- Without heartbeat or agent the next statement finds nothing.
        WHEN foreign_key_violation THEN
            NULL;
    END;

    -- Due after the claim means that somebody set another time during the run, which stands; so
    -- does NULL.
    UPDATE goclaw.agent_heartbeats AS h
    SET last_status = p_status,
        last_error = CASE WHEN p_status = 'ok' THEN NULL ELSE p_error END,
        run_count = h.run_count
            + (p_status <> 'skipped' AND h.run_count < 2147483647)::integer,
        suppress_count = h.suppress_count
            + (p_status = 'skipped' AND h.suppress_count < 2147483647)::integer,
        next_run_at = CASE
            WHEN h.next_run_at <= h.last_run_at
                THEN coalesce(p_next_run_at, now() + make_interval(secs => h.interval_sec))
            ELSE h.next_run_at
        END
    WHERE h.tenant_id = p_tenant_id
        AND h.id = p_heartbeat_id
        AND h.last_run_at = p_claimed_at
        AND h.last_status = 'running'
    RETURNING h.next_run_at INTO v_next_run_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_claimed_at does not name the claim of heartbeat %', p_heartbeat_id
            USING ERRCODE = 'MU310',
                  DETAIL = 'It was finished, deleted, or claimed by somebody else after the lease.',
                  HINT = 'Discard the result of this run.';
    END IF;

    RETURN v_next_run_at;
END;
$function$;

COMMENT ON FUNCTION goclaw.finish_heartbeat(
    uuid, uuid, timestamptz, text, timestamptz, text, text, text, integer, integer, integer
) IS
    'Ends a run of a heartbeat and logs it; returns when the next one is due. p_claimed_at: '
    'last_run_at as claim_heartbeats() returned it. p_status: ok, error or skipped. '
    'p_next_run_at: NULL means after the interval of the heartbeat; a time that somebody set '
    'during the run stands instead. p_summary, p_error, p_skip_reason: for the log. Tokens are '
    'counted, p_duration_ms is in milliseconds. Raises MU310 when the claim is no longer the '
    'caller''s, 23514 for another status or a negative number, 23502 for a status or tokens that '
    'are NULL, 22001 for a skip reason of more than 50 characters.';

REVOKE ALL ON FUNCTION goclaw.finish_heartbeat(
    uuid, uuid, timestamptz, text, timestamptz, text, text, text, integer, integer, integer
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.finish_heartbeat(
    uuid, uuid, timestamptz, text, timestamptz, text, text, text, integer, integer, integer
) TO muniment_service;

COMMIT;

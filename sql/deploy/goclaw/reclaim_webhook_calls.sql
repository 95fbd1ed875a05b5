-- Deploy goclaw:reclaim_webhook_calls to pg
-- requires: webhook_calls
--
-- A worker that died, or takes longer than it said, loses its calls: the token is emptied, so that
-- it is refused if it comes back. The attempt counts, because a call may be what kills its workers.
-- A call whose caller waited is given up: nobody waits any more; and so is one that waits for a
-- worker at a webhook which was revoked, because workers would pass it over at every claim. Locks
-- rows of the calls, in no order, and passes those that somebody holds: whoever is just ending a
-- call wins. Run it once a minute or so.
-- Locks: none.  Docs: docs/schema/goclaw.md#reclaim-webhook-calls

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.reclaim_webhook_calls(
    p_limit integer DEFAULT 1000, p_max_attempts integer DEFAULT 8
)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_count integer;
BEGIN
    IF p_limit IS NULL OR p_limit < 1 OR p_max_attempts IS NULL OR p_max_attempts < 1 THEN
        RAISE EXCEPTION 'p_limit or p_max_attempts is not a number from 1'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Leave them out to use their defaults.';
    END IF;

    WITH stale AS MATERIALIZED (
        SELECT
            c.tenant_id,
            c.id,
            CASE
                WHEN c.mode = 'sync' THEN 'failed'
                WHEN c.attempts >= p_max_attempts THEN 'dead'
                ELSE 'queued'
            END AS next_status,
            'its time ran out' AS error
        FROM goclaw.webhook_calls AS c
        WHERE c.status = 'running'
            AND c.next_attempt_at <= now()
        ORDER BY c.next_attempt_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    ),
    withdrawn AS MATERIALIZED (
        SELECT c.tenant_id, c.id, 'failed' AS next_status, 'the webhook is revoked' AS error
        FROM goclaw.webhook_calls AS c
        WHERE c.status = 'queued'
            AND c.mode = 'async'
            AND (
                SELECT w.revoked
                FROM goclaw.webhooks AS w
                WHERE w.tenant_id = c.tenant_id
                    AND w.id = c.webhook_id
            )
        LIMIT p_limit - (SELECT count(*) FROM stale)
        FOR UPDATE SKIP LOCKED
    )
    UPDATE goclaw.webhook_calls AS c
    SET status = s.next_status,
        next_attempt_at = CASE WHEN s.next_status = 'queued' THEN now() END,
        completed_at = CASE WHEN s.next_status <> 'queued' THEN now() END,
        lease_token = NULL,
        last_error = s.error
    FROM (
        SELECT * FROM stale
        UNION ALL
        SELECT * FROM withdrawn
    ) AS s
    WHERE c.tenant_id = s.tenant_id
        AND c.id = s.id;
    GET DIAGNOSTICS v_count = ROW_COUNT;

    RETURN v_count;
END;
$function$;

COMMENT ON FUNCTION goclaw.reclaim_webhook_calls(integer, integer) IS
    'Takes back calls whose time has run out, of all tenants, and returns how many: those of '
    'workers are queued for now, or dead when they have used up their attempts; those whose '
    'callers waited have failed. Gives up calls, too, that are queued at a webhook which is '
    'revoked. p_limit: how many at most, from 1; p_max_attempts: as in goclaw.fail_webhook_call(). '
    'Raises 22023 when a parameter is out of its range.';

REVOKE ALL ON FUNCTION goclaw.reclaim_webhook_calls(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.reclaim_webhook_calls(integer, integer) TO muniment_service;

COMMIT;

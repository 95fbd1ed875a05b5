-- Deploy goclaw:claim_webhook_calls to pg
-- requires: webhook_calls
--
-- Workers of all tenants compete here, and none waits for another: SKIP LOCKED passes what somebody
-- is just taking. Tenants are served in turn, claim by claim: first who has the fewest calls under
-- way, among equals by lot, so that one which sends a hundred thousand calls delays its own and
-- nobody else's; within a tenant by time. For that each tenant that waits is looked up in the index
-- of the queue, one step a tenant, however many calls it has. Tenants that are not active and
-- webhooks that are revoked are passed over; goclaw.reclaim_webhook_calls() clears the latter. A
-- worker that dies keeps its calls until their lease runs out, see goclaw.reclaim_webhook_calls().
-- Rows of the calls are the only ones locked, and never waited for.
-- Locks: none.  Docs: docs/schema/goclaw.md#claim-webhook-calls

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.claim_webhook_calls(
    p_worker text, p_limit integer DEFAULT 1, p_lease interval DEFAULT '5 minutes'
)
RETURNS TABLE (
    tenant_id       uuid,
    id              uuid,
    webhook_id      uuid,
    agent_id        uuid,
    delivery_id     uuid,
    callback_url    text,
    request_payload jsonb,
    attempts        integer,
    lease_token     text,
    lease_ends_at   timestamptz
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_worker IS NULL OR p_worker = '' THEN
        RAISE EXCEPTION 'p_worker is empty'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass a name by which people find the worker.';
    END IF;
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'p_limit is not a number from 1 to 1000'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass how many calls the worker can deliver within p_lease.';
    END IF;
    IF p_lease IS NULL OR p_lease <= interval '0' OR p_lease > interval '1 year' THEN
        RAISE EXCEPTION 'p_lease is not a time above zero, up to 1 year'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass how long the worker takes at most.';
    END IF;

    -- Ordered by the time too, where only the tenant is asked for, because that leaves the index of
    -- the queue as the only one in this order; others hold all the calls that have ended.
    -- MATERIALIZED: a sub-select could be run again for the join, and would then lock more rows.
    RETURN QUERY
    WITH RECURSIVE waiting (tenant) AS (
        (
            SELECT q.tenant_id
            FROM goclaw.webhook_calls AS q
            WHERE q.status = 'queued'
                AND q.mode = 'async'
            ORDER BY q.tenant_id, q.next_attempt_at
            LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT q.tenant_id
            FROM goclaw.webhook_calls AS q
            WHERE q.status = 'queued'
                AND q.mode = 'async'
                AND q.tenant_id > w.tenant
            ORDER BY q.tenant_id, q.next_attempt_at
            LIMIT 1
        )
        FROM waiting AS w
        WHERE w.tenant IS NOT NULL
    ),
    under_way (tenant, calls) AS (
        SELECT r.tenant_id, count(*)
        FROM goclaw.webhook_calls AS r
        WHERE r.status = 'running'
            AND r.mode = 'async'
        GROUP BY r.tenant_id
    ),
    picked AS MATERIALIZED (
        SELECT due.tenant_id, due.id
        FROM (
            SELECT w.tenant
            FROM waiting AS w
            LEFT JOIN under_way AS u ON u.tenant = w.tenant
            -- NULL, the end of the list, is no tenant either.
            WHERE EXISTS (
                    SELECT
                    FROM goclaw.tenants AS t
                    WHERE t.id = w.tenant
                        AND t.status = 'active'
                )
            ORDER BY coalesce(u.calls, 0), random()
        ) AS turn
        CROSS JOIN LATERAL (
            SELECT q.tenant_id, q.id
            FROM goclaw.webhook_calls AS q
            WHERE q.tenant_id = turn.tenant
                AND q.status = 'queued'
                AND q.mode = 'async'
                AND q.next_attempt_at <= now()
                -- A join would let the planner leave the order of the index.
                AND NOT (
                    SELECT h.revoked
                    FROM goclaw.webhooks AS h
                    WHERE h.tenant_id = q.tenant_id
                        AND h.id = q.webhook_id
                )
            ORDER BY q.next_attempt_at
            -- The outer LIMIT would do; this one has the planner walk the index.
            LIMIT p_limit
            FOR UPDATE SKIP LOCKED
        ) AS due
        LIMIT p_limit
    )
    UPDATE goclaw.webhook_calls AS c
    SET status = 'running',
        attempts = c.attempts + 1,
        lease_token = p_worker || ':' || gen_random_uuid(),
        started_at = now(),
        next_attempt_at = now() + p_lease
    FROM picked AS p
    WHERE c.tenant_id = p.tenant_id
        AND c.id = p.id
    RETURNING
        c.tenant_id,
        c.id,
        c.webhook_id,
        c.agent_id,
        c.delivery_id,
        c.callback_url,
        c.request_payload,
        c.attempts,
        c.lease_token,
        c.next_attempt_at;
END;
$function$;

COMMENT ON FUNCTION goclaw.claim_webhook_calls(text, integer, interval) IS
    'Gives calls that are due to a worker, of all active tenants in turn and of webhooks that are '
    'not revoked, and returns them with the lease_token that proves it has them; none when none is '
    'due. p_worker: a name for people, which begins the token; p_limit: how many at most, 1 to '
    '1000; p_lease: how long the worker may take, from now, above 0 to 1 year. Ends with '
    'goclaw.finish_webhook_call() or goclaw.fail_webhook_call(). Raises 22023 when a parameter is '
    'out of its range.';

REVOKE ALL ON FUNCTION goclaw.claim_webhook_calls(text, integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.claim_webhook_calls(text, integer, interval) TO muniment_service;

COMMIT;

-- Deploy goclaw:fail_webhook_call to pg
-- requires: webhook_calls
--
-- The other end of an attempt: try again later, or give up. The wait doubles with each attempt up
-- to a cap, and is shortened by up to a quarter, so that calls which failed together do not come
-- back together; by how much follows from the call and the attempt, and is the same whoever asks.
-- It locks one row.
-- Locks: none.  Docs: docs/schema/goclaw.md#fail-webhook-call

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.fail_webhook_call(
    p_tenant_id    uuid,
    p_id           uuid,
    p_lease_token  text,
    p_error        text,
    p_is_final     boolean  DEFAULT false,
    p_max_attempts integer  DEFAULT 8,
    p_base         interval DEFAULT '30 seconds',
    p_cap          interval DEFAULT '1 hour'
)
RETURNS TABLE (status text, next_attempt_at timestamptz)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_attempts    integer;
    v_delivery_id uuid;
    v_seconds     double precision;
BEGIN
    IF p_is_final IS NULL OR p_max_attempts IS NULL OR p_max_attempts < 1 THEN
        RAISE EXCEPTION 'p_is_final is null, or p_max_attempts is not a number from 1'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Leave them out to use their defaults.';
    END IF;
    IF p_base IS NULL
        OR p_cap IS NULL
        OR p_base <= interval '0'
        OR p_cap < p_base
        OR p_cap > interval '1 year'
    THEN
        RAISE EXCEPTION 'p_base is not a time above zero, or p_cap is not from p_base to 1 year'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass the shortest and the longest wait.';
    END IF;

    SELECT c.attempts, c.delivery_id
    INTO v_attempts, v_delivery_id
    FROM goclaw.webhook_calls AS c
    WHERE c.tenant_id = p_tenant_id
        AND c.id = p_id
        AND c.lease_token = p_lease_token
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_lease_token: call % is not the worker''s any more', p_id
            USING ERRCODE = 'MU342',
                  HINT = 'Its lease ran out, or it has ended. Throw the result away.';
    END IF;

    status := CASE
        WHEN p_is_final THEN 'failed'
        WHEN v_attempts >= p_max_attempts THEN 'dead'
        ELSE 'queued'
    END;
    IF status = 'queued' THEN
        -- 2 to the 40th is beyond any cap, and still a number.
        v_seconds := least(
            extract(epoch FROM p_cap)::double precision,
            extract(epoch FROM p_base)::double precision * power(2, least(v_attempts - 1, 40))
        );
        v_seconds := v_seconds
            * (1 - 0.25 * (hashtextextended(v_delivery_id::text, v_attempts) & 1023) / 1023);
        next_attempt_at := now() + make_interval(secs => v_seconds);
    END IF;

    UPDATE goclaw.webhook_calls AS c
    SET status = fail_webhook_call.status,
        next_attempt_at = fail_webhook_call.next_attempt_at,
        completed_at = CASE WHEN fail_webhook_call.status <> 'queued' THEN now() END,
        lease_token = NULL,
        last_error = p_error
    WHERE c.tenant_id = p_tenant_id
        AND c.id = p_id;
    RETURN NEXT;
END;
$function$;

COMMENT ON FUNCTION goclaw.fail_webhook_call(
    uuid, uuid, text, text, boolean, integer, interval, interval
) IS
    'Ends an attempt that failed, and returns what became of the call: queued with the time of the '
    'next attempt, failed or dead. p_tenant_id, p_id, p_lease_token: as claimed; p_error: why; '
    'p_is_final: whether another attempt is of no use; p_max_attempts: after so many a call is '
    'dead; p_base: the wait after the first attempt, doubled with each further one up to p_cap (at '
    'most 1 year), and shortened by up to a quarter. Raises MU342 when the token is not that of '
    'the call any more, 22023 when a parameter is out of its range.';

REVOKE ALL ON FUNCTION goclaw.fail_webhook_call(
    uuid, uuid, text, text, boolean, integer, interval, interval
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.fail_webhook_call(
    uuid, uuid, text, text, boolean, integer, interval, interval
) TO muniment_service;

COMMIT;

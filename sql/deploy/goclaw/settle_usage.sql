-- Deploy goclaw:settle_usage to pg
-- requires: hold_reservations
--
-- What was used is counted, also beyond the cap and also when the reservation has expired: it is
-- spent. Whoever comes second with the same key meets the event, which is unique, and takes back
-- what it did.
-- Locks: agents and providers by id, policies by id, reservations by policy, counters by policy,
-- until the transaction ends: one request a transaction, or two callers can wait in a circle.
-- Docs: docs/schema/goclaw.md#settle-usage

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.settle_usage(
    p_reservation_key text,
    p_tokens bigint,
    p_cost_micros bigint
)
RETURNS goclaw.usage_cap_events
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id   CONSTANT uuid := platform.current_tenant_id();
    v_reserved    goclaw.usage_cap_events;
    v_reservation goclaw.usage_cap_reservations;
    v_event       goclaw.usage_cap_events;
BEGIN
    IF (
        p_tokens BETWEEN 0 AND 1000000000000000
        AND p_cost_micros BETWEEN 0 AND 1000000000000000
    ) IS NOT TRUE THEN
        RAISE EXCEPTION 'p_tokens, p_cost_micros: must be from 0 to 10^15'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass what the request took.';
    END IF;

    SELECT e.*
    INTO v_reserved
    FROM goclaw.usage_cap_events AS e
    WHERE e.tenant_id = v_tenant_id
        AND e.reservation_key = p_reservation_key
        AND e.decision IN ('allow', 'deny');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_reservation_key: nothing was reserved under it'
            USING ERRCODE = 'MU331',
                  HINT = 'Call goclaw.reserve_usage() before the request.';
    END IF;
    IF v_reserved.decision = 'deny' THEN
        RAISE EXCEPTION 'p_reservation_key: the request was refused'
            USING ERRCODE = 'MU332',
                  HINT = 'Send only requests that goclaw.reserve_usage() allows.';
    END IF;

    BEGIN
        FOR v_reservation IN
            SELECT h.*
            FROM goclaw.hold_reservations(p_reservation_key) AS h
        LOOP
            -- Bounded, so that a counter which somebody has changed by hand stops nobody.
            UPDATE goclaw.usage_cap_counters AS c
            SET used_tokens = least(c.used_tokens::numeric + p_tokens, 9223372036854775807),
                used_cost_micros =
                    least(c.used_cost_micros::numeric + p_cost_micros, 9223372036854775807),
                -- One that has expired holds nothing any more.
                reserved_tokens = greatest(c.reserved_tokens - CASE v_reservation.status
                    WHEN 'reserved' THEN v_reservation.reserved_tokens ELSE 0
                END, 0),
                reserved_cost_micros = greatest(c.reserved_cost_micros - CASE v_reservation.status
                    WHEN 'reserved' THEN v_reservation.reserved_cost_micros ELSE 0
                END, 0)
            WHERE c.tenant_id = v_tenant_id
                AND c.policy_id = v_reservation.policy_id
                AND c.window_start = v_reservation.window_start;
            UPDATE goclaw.usage_cap_reservations AS r
            SET status = 'settled',
                actual_tokens = p_tokens,
                actual_cost_micros = p_cost_micros
            WHERE r.tenant_id = v_tenant_id
                AND r.id = v_reservation.id;
        END LOOP;

        INSERT INTO goclaw.usage_cap_events AS e (
            tenant_id, reservation_key, decision, reason, estimated_tokens, estimated_cost_micros,
            actual_tokens, actual_cost_micros, metadata
        )
        VALUES (
            v_tenant_id,
            p_reservation_key,
            'settle',
            CASE
                WHEN p_tokens > v_reserved.estimated_tokens
                    OR p_cost_micros > v_reserved.estimated_cost_micros
                    THEN 'more than was reserved'
            END,
            v_reserved.estimated_tokens,
            v_reserved.estimated_cost_micros,
            p_tokens,
            p_cost_micros,
            v_reserved.metadata
        )
        RETURNING e.* INTO v_event;
        RETURN v_event;
    EXCEPTION
        WHEN unique_violation THEN
            SELECT e.*
            INTO v_event
            FROM goclaw.usage_cap_events AS e
            WHERE e.tenant_id = v_tenant_id
                AND e.reservation_key = p_reservation_key
                AND e.decision IN ('settle', 'release');
            -- In a transaction that sees nothing newer than its beginning.
            IF NOT FOUND THEN
                RAISE EXCEPTION 'p_reservation_key: ended by another caller meanwhile'
                    USING ERRCODE = '40001',
                          HINT = 'Run the transaction again.';
            END IF;
    END;

    IF v_event.decision = 'release' THEN
        RAISE EXCEPTION 'p_reservation_key: the reservation was released'
            USING ERRCODE = 'MU332',
                  HINT = 'Release a reservation only when its request was not sent.';
    END IF;
    IF (v_event.actual_tokens, v_event.actual_cost_micros) <> (p_tokens, p_cost_micros) THEN
        RAISE EXCEPTION 'p_reservation_key: was settled with other figures'
            USING ERRCODE = 'MU330',
                  HINT = 'Settle a request once, when all its figures are known.';
    END IF;
    RETURN v_event;
END;
$function$;

COMMENT ON FUNCTION goclaw.settle_usage(text, bigint, bigint) IS
    'Counts p_tokens and p_cost_micros (millionths of a US dollar) as used by the request named '
    'p_reservation_key, in the windows in which it was reserved, and gives back what was reserved. '
    'Returns the event. The same figures again get the same event. Call it for one request a '
    'transaction: for two, 40P01 is possible. Raises 42501 when no tenant is set, 22023 for what '
    'is not from 0 to 10^15, MU330 when it was settled with other figures, MU331 when nothing was '
    'reserved under the key, as far as the isolation level shows, MU332 when the request was '
    'refused or the reservation released, 40001 when the isolation level hides what another caller '
    'did.';

REVOKE ALL ON FUNCTION goclaw.settle_usage(text, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.settle_usage(text, bigint, bigint) TO muniment_app;

COMMIT;

-- Deploy goclaw:release_usage to pg
-- requires: hold_reservations
--
-- For a request that was not sent. One that was sent and failed is settled with what it took. A
-- reservation that has expired is released too: it can then no longer be settled.
-- Locks: agents and providers by id, policies by id, reservations by policy, counters by policy,
-- until the transaction ends: one request a transaction, or two callers can wait in a circle.
-- Docs: docs/schema/goclaw.md#release-usage

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.release_usage(p_reservation_key text)
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
                  HINT = 'A refused request holds nothing that could be released.';
    END IF;

    BEGIN
        FOR v_reservation IN
            SELECT h.*
            FROM goclaw.hold_reservations(p_reservation_key) AS h
        LOOP
            -- One that has expired holds nothing any more.
            IF v_reservation.status = 'reserved' THEN
                -- Bounded, so that a counter which somebody has changed by hand stops nobody.
                UPDATE goclaw.usage_cap_counters AS c
                SET reserved_tokens =
                        greatest(c.reserved_tokens - v_reservation.reserved_tokens, 0),
                    reserved_cost_micros =
                        greatest(c.reserved_cost_micros - v_reservation.reserved_cost_micros, 0)
                WHERE c.tenant_id = v_tenant_id
                    AND c.policy_id = v_reservation.policy_id
                    AND c.window_start = v_reservation.window_start;
            END IF;
            UPDATE goclaw.usage_cap_reservations AS r
            SET status = 'released'
            WHERE r.tenant_id = v_tenant_id
                AND r.id = v_reservation.id;
        END LOOP;

        INSERT INTO goclaw.usage_cap_events AS e (
            tenant_id, reservation_key, decision, estimated_tokens, estimated_cost_micros, metadata
        )
        VALUES (
            v_tenant_id,
            p_reservation_key,
            'release',
            v_reserved.estimated_tokens,
            v_reserved.estimated_cost_micros,
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

    IF v_event.decision = 'settle' THEN
        RAISE EXCEPTION 'p_reservation_key: the reservation was settled'
            USING ERRCODE = 'MU332',
                  HINT = 'What was used cannot be given back.';
    END IF;
    RETURN v_event;
END;
$function$;

COMMENT ON FUNCTION goclaw.release_usage(text) IS
    'Gives back what the request named p_reservation_key has reserved, in all policies. Returns '
    'the event; a second call gets the same one. Call it for one request a transaction: for two, '
    '40P01 is possible. Raises 42501 when no tenant is set, MU331 when nothing was reserved under '
    'the key, as far as the isolation level shows, MU332 when the request was refused or settled, '
    '40001 when the isolation level hides what another caller did.';

REVOKE ALL ON FUNCTION goclaw.release_usage(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.release_usage(text) TO muniment_app;

COMMIT;

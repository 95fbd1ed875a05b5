-- Deploy goclaw:heartbeat_opens_at to pg
-- requires: schema
--
-- Hours of the day are not a fixed number of seconds apart: twice a year a clock leaves hours out
-- or has them twice. So the answer goes from one time at which the clock may enter the hours to the
-- next: that at which it shows their start, or that at which it is put forward or back before.
-- Locks: none.  Docs: docs/schema/goclaw.md#heartbeat-opens-at

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.heartbeat_opens_at(
    p_at timestamptz, p_start text, p_end text, p_zone text
)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_zone   CONSTANT text := coalesce(p_zone, 'UTC');
    -- The end of a day is the start of the next.
    v_start  CONSTANT time := CASE WHEN p_start::time = '24:00' THEN '00:00' ELSE p_start::time END;
    v_end    CONSTANT time := p_end::time;
    v_at     timestamptz := p_at;
    v_clock  time;
    v_offset interval;
    v_next   timestamptz;
    v_before timestamptz;
    v_middle timestamptz;
BEGIN
    IF v_start IS NULL OR v_end IS NULL OR p_at IS NULL OR NOT isfinite(p_at) THEN
        RETURN p_at;
    END IF;
    IF v_start = v_end THEN
        RETURN NULL;
    END IF;

    LOOP
        v_clock := (v_at AT TIME ZONE v_zone)::time;
        IF (v_start < v_end AND v_clock >= v_start AND v_clock < v_end)
            OR (v_start > v_end AND (v_clock >= v_start OR v_clock < v_end))
        THEN
            RETURN v_at;
        END IF;

        -- When the clock shows the start next, if nobody touches it.
        v_offset := (v_at AT TIME ZONE v_zone) - (v_at AT TIME ZONE 'UTC');
        v_next := v_at + (v_start - v_clock)
            + CASE WHEN v_start <= v_clock THEN interval '24 hours' ELSE interval '0' END;

        -- It is touched before: the second in which that happens is found by halves. No zone does
        -- that twice in a day.
        IF (v_next AT TIME ZONE v_zone) - (v_next AT TIME ZONE 'UTC') <> v_offset THEN
            v_before := date_trunc('second', v_at);
            WHILE v_next - v_before > interval '1 second' LOOP
                v_middle := date_trunc('second', v_before + (v_next - v_before) / 2);
                IF (v_middle AT TIME ZONE v_zone) - (v_middle AT TIME ZONE 'UTC') = v_offset THEN
                    v_before := v_middle;
                ELSE
                    v_next := v_middle;
                END IF;
            END LOOP;
        END IF;
        v_at := v_next;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION goclaw.heartbeat_opens_at(timestamptz, text, text, text) IS
    'The first time from p_at on that is within active hours: p_at itself, or when they open '
    'next, by the clock of the zone, also where that is put forward or back. p_start and p_end: '
    'clock times HH:MM, up to 24:00; hours that end before they start go past midnight; NULL '
    'means all day; hours that end where they start never open, for which the answer is NULL. '
    'p_zone: NULL means UTC. Raises 22007 or 22008 for what is no clock time, 22023 for an unknown '
    'zone.';

REVOKE ALL ON FUNCTION goclaw.heartbeat_opens_at(timestamptz, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.heartbeat_opens_at(timestamptz, text, text, text)
    TO muniment_app, muniment_reader, muniment_service;

COMMIT;

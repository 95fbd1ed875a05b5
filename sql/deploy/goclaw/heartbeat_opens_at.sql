-- Deploy goclaw:heartbeat_opens_at to pg
-- requires: schema
--
-- Hours of the day are not a fixed number of seconds apart: twice a year a clock leaves hours out
-- or has them twice. So the next opening is found by the clock of the zone, and made a time last.
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
    v_zone  CONSTANT text := coalesce(p_zone, 'UTC');
    v_local CONSTANT timestamp := p_at AT TIME ZONE v_zone;
    v_clock CONSTANT time := v_local::time;
    v_start CONSTANT time := p_start::time;
    v_end   CONSTANT time := p_end::time;
    v_next  timestamp;
BEGIN
    IF v_start IS NULL
        OR v_end IS NULL
        OR (v_start < v_end AND v_clock >= v_start AND v_clock < v_end)
        OR (v_start > v_end AND (v_clock >= v_start OR v_clock < v_end))
    THEN
        RETURN p_at;
    END IF;

    v_next := v_local::date + v_start;
    IF v_next <= v_local THEN
        v_next := v_next + interval '1 day';
    END IF;
    RETURN v_next AT TIME ZONE v_zone;
END;
$function$;

COMMENT ON FUNCTION goclaw.heartbeat_opens_at(timestamptz, text, text, text) IS
    'The first time from p_at on that is within active hours: p_at itself, or when they open '
    'next. p_start and p_end: clock times HH:MM, up to 24:00; hours that end before they start go '
    'past midnight; NULL means all day. p_zone: NULL means UTC. Raises 22007 or 22008 for '
    'what is no clock time, 22023 for an unknown zone.';

REVOKE ALL ON FUNCTION goclaw.heartbeat_opens_at(timestamptz, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.heartbeat_opens_at(timestamptz, text, text, text)
    TO muniment_app, muniment_reader, muniment_service;

COMMIT;

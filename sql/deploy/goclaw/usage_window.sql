-- Deploy goclaw:usage_window to pg
-- requires: schema
--
-- The bounds are worked out in UTC, whatever the time zone of the session: with it, a month would
-- begin at another hour for each caller, and would lose or gain one when clocks change.
-- Locks: none.  Docs: docs/schema/goclaw.md#usage-window

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.usage_window(p_window_key text, p_at timestamptz)
RETURNS tstzrange
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT tstzrange(
        began.local AT TIME ZONE 'UTC',
        (began.local + unit.length) AT TIME ZONE 'UTC'
    )
    FROM (
        VALUES
            ('hour', interval '1 hour'),
            ('day', interval '1 day'),
            ('week', interval '1 week'),
            ('month', interval '1 month')
    ) AS unit (key, length)
    CROSS JOIN LATERAL (
        SELECT date_trunc(unit.key, p_at AT TIME ZONE 'UTC')
    ) AS began (local)
    WHERE unit.key = p_window_key
        AND p_at IS NOT NULL;
$function$;

COMMENT ON FUNCTION goclaw.usage_window(text, timestamptz) IS
    'The hour, day, week (from Monday) or month in UTC that contains p_at, without its end. '
    'p_window_key is what usage_cap_policies.window_key may be; for anything else the answer is '
    'NULL. Raises nothing.';

REVOKE ALL ON FUNCTION goclaw.usage_window(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.usage_window(text, timestamptz) TO muniment_app, muniment_reader;

COMMIT;

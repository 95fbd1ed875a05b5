-- Subject: goclaw.heartbeat_opens_at()    Docs: docs/schema/goclaw.md#heartbeat-opens-at
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(33);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'heartbeat_opens_at', ARRAY['timestamptz', 'text', 'text', 'text'],
    'timestamp with time zone', 'it returns a time'
);
SELECT volatility_is(
    'goclaw', 'heartbeat_opens_at', ARRAY['timestamptz', 'text', 'text', 'text'],
    'stable', 'it asks for nothing but the zones'
);
SELECT isnt_definer(
    'goclaw', 'heartbeat_opens_at', ARRAY['timestamptz', 'text', 'text', 'text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'heartbeat_opens_at', ARRAY['timestamptz', 'text', 'text', 'text'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

SELECT is(
    goclaw.heartbeat_opens_at(at::timestamptz, hours_start, hours_end, zone),
    opens_at::timestamptz,
    promise
)
FROM (
    VALUES
        ('2026-06-10 03:00Z', NULL, NULL, NULL, '2026-06-10 03:00Z', 'without hours it is now'),
        (
            '2026-06-10 12:00Z', '08:00', '18:00', NULL, '2026-06-10 12:00Z',
            'within the hours it is now'
        ),
        (
            '2026-06-10 08:00Z', '08:00', '18:00', 'UTC', '2026-06-10 08:00Z',
            'the first minute is within'
        ),
        (
            '2026-06-10 18:00Z', '08:00', '18:00', 'UTC', '2026-06-11 08:00Z',
            'the last is not'
        ),
        (
            '2026-06-10 07:59:59.9Z', '08:00', '18:00', 'UTC', '2026-06-10 08:00Z',
            'before the hours it is later today'
        ),
        (
            '2026-06-10 23:00Z', '22:00', '06:00', 'UTC', '2026-06-10 23:00Z',
            'hours past midnight hold before it'
        ),
        (
            '2026-06-10 05:59Z', '22:00', '06:00', 'UTC', '2026-06-10 05:59Z',
            'and after it'
        ),
        (
            '2026-06-10 06:00Z', '22:00', '06:00', 'UTC', '2026-06-10 22:00Z',
            'and not at noon'
        ),
        (
            '2026-06-10 23:59:59Z', '00:00', '24:00', 'UTC', '2026-06-10 23:59:59Z',
            '24:00 is the end of the day'
        ),
        (
            '2026-06-10 23:00Z', '08:00', '18:00', 'Asia/Tokyo', '2026-06-10 23:00Z',
            'the hours are those of the zone, where it is morning'
        ),
        (
            '2026-06-10 12:00Z', '08:00', '18:00', 'Asia/Tokyo', '2026-06-10 23:00Z',
            'or evening'
        ),
        (
            '2026-03-28 20:00Z', '08:00', '18:00', 'Europe/Berlin', '2026-03-29 06:00Z',
            'the hours open by the clock, also in the night in which it is put forward'
        ),
        (
            '2026-10-24 20:00Z', '08:00', '18:00', 'Europe/Berlin', '2026-10-25 07:00Z',
            'and in that in which it is put back'
        ),
        (
            '2026-03-29 00:30Z', '02:30', '04:00', 'Europe/Berlin', '2026-03-29 01:00Z',
            'an opening that the clock leaves out is when it is put forward'
        ),
        (
            '2026-03-29 00:10Z', '02:30', '03:00', 'Europe/Berlin', '2026-03-30 00:30Z',
            'hours that the clock leaves out open on the next day'
        ),
        (
            '2026-10-25 00:10Z', '02:30', '06:00', 'Europe/Berlin', '2026-10-25 00:30Z',
            'hours that the clock has twice open at the first'
        ),
        (
            '2026-10-25 00:50Z', '02:30', '02:45', 'Europe/Berlin', '2026-10-25 01:30Z',
            'and once more at the second'
        ),
        (
            '2026-10-25 00:10:30.5Z', '01:30', '02:00', 'Europe/Berlin', '2026-10-26 00:30Z',
            'but not where it goes back to their end'
        ),
        ('2026-06-10 03:00Z', '08:00', '08:00', NULL, NULL, 'hours without length never open'),
        ('2026-06-10 03:00Z', '24:00', '00:00', NULL, NULL, 'in whatever way they are written'),
        (
            '2026-06-10 03:00Z', '24:00', '02:00', NULL, '2026-06-11 00:00Z',
            'the end of a day is the start of the next'
        ),
        ('infinity', '08:00', '18:00', NULL, 'infinity', 'nothing is after all times')
) AS sample (at, hours_start, hours_end, zone, opens_at, promise);
SELECT is_empty(
    $$ SELECT at
       FROM generate_series(
           '2026-01-01Z'::timestamptz, '2026-12-31Z'::timestamptz, interval '37 minutes'
       ) AS at
       CROSS JOIN unnest(ARRAY['UTC', 'Europe/Berlin', 'Australia/Lord_Howe']) AS zone
       WHERE goclaw.heartbeat_opens_at(at, '01:40', '02:20', zone) < at $$,
    'it is never in the past'
);
-- Every 5 minutes of the days around each change of the clock, and hours over the rest of the year.
CREATE TEMPORARY TABLE sample AS
SELECT DISTINCT
    z.zone,
    h.hours_start,
    h.hours_end,
    a.at,
    h.hours_start < h.hours_end
        AND l.clock >= h.hours_start::time
        AND l.clock < h.hours_end::time
        OR h.hours_start > h.hours_end
        AND (l.clock >= h.hours_start::time OR l.clock < h.hours_end::time) AS within
FROM (
    VALUES
        ('Europe/Berlin', '2026-03-28Z'::timestamptz), ('Europe/Berlin', '2026-10-24Z'),
        ('Australia/Lord_Howe', '2026-04-03Z'), ('Australia/Lord_Howe', '2026-10-02Z')
) AS z (zone, begins)
CROSS JOIN (
    VALUES ('01:40', '02:20'), ('02:30', '02:45'), ('22:00', '02:10'), ('02:30', '10:00')
) AS h (hours_start, hours_end)
CROSS JOIN LATERAL generate_series(
    z.begins, z.begins + interval '3 days', interval '5 minutes'
) AS a (at)
CROSS JOIN LATERAL (SELECT (a.at AT TIME ZONE z.zone)::time) AS l (clock);
SELECT is_empty(
    $$ SELECT s.zone, s.hours_start, s.hours_end, s.at, o.opens_at, s.first
       FROM (
           SELECT *,
               min(at) FILTER (WHERE within) OVER (
                   PARTITION BY zone, hours_start, hours_end, at < '2026-07-01'
                   ORDER BY at ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
               ) AS first
           FROM sample
       ) AS s
       CROSS JOIN LATERAL goclaw.heartbeat_opens_at(at, hours_start, hours_end, zone)
           AS o (opens_at)
       WHERE o.opens_at <> s.first $$,
    'it is the first time that is within, as whoever looks every five minutes would find it'
);
SELECT is_empty(
    $$ SELECT at, zone, o.opens_at
       FROM generate_series(
           '2026-01-01Z'::timestamptz, '2026-12-31Z'::timestamptz, interval '97 minutes'
       ) AS at
       CROSS JOIN unnest(ARRAY['Europe/Berlin', 'Australia/Lord_Howe']) AS zone
       CROSS JOIN LATERAL goclaw.heartbeat_opens_at(at, '02:10', '02:50', zone) AS o (opens_at)
       WHERE goclaw.heartbeat_opens_at(o.opens_at, '02:10', '02:50', zone)
           IS DISTINCT FROM o.opens_at $$,
    'asked again at its answer, it gives the same'
);
SELECT throws_ok(
    format('SELECT goclaw.heartbeat_opens_at(now(), %L, %L, %L)', hours_start, hours_end, zone),
    sqlstate,
    NULL,
    promise
)
FROM (
    VALUES
        ('noon', '18:00', NULL, '22007', 'hours are clock times'),
        ('08:00', '25:00', NULL, '22008', 'of a day'),
        ('08:00', '18:00', 'Europe/Atlantis', '22023', 'in a zone that is known')
) AS attempt (hours_start, hours_end, zone, sqlstate, promise);

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'goclaw.heartbeat_opens_at(timestamptz, text, text, text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES
        ('muniment_app', 'EXECUTE', false),
        ('muniment_reader', 'EXECUTE', false),
        ('muniment_service', 'EXECUTE', false) $$,
    'everybody who works with heartbeats may ask'
);

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: goclaw.heartbeat_opens_at()    Docs: docs/schema/goclaw.md#heartbeat-opens-at
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(23);

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
            '2026-03-29 00:30Z', '02:30', '04:00', 'Europe/Berlin', '2026-03-29 01:30Z',
            'an opening that the clock leaves out is an hour later'
        )
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

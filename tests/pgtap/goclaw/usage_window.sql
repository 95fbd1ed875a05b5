-- Subject: goclaw.usage_window()    Docs: docs/schema/goclaw.md#usage-window
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'usage_window', ARRAY['text', 'timestamp with time zone'],
    'tstzrange', 'it returns bounds'
);
SELECT volatility_is(
    'goclaw', 'usage_window', ARRAY['text', 'timestamp with time zone'],
    'immutable', 'the bounds are the same for everybody'
);
SELECT isnt_definer(
    'goclaw', 'usage_window', ARRAY['text', 'timestamp with time zone'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'usage_window', ARRAY['text', 'timestamp with time zone'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

-- Clocks change in New York on 2026-03-08 and on 2026-11-01, and a day begins there at 05:00 UTC.
SET LOCAL TIME ZONE 'America/New_York';
SELECT is(goclaw.usage_window(key, at), tstzrange(began, ended), reason)
FROM (
    VALUES
        ('hour', '2026-11-21 10:34:56+00', '2026-11-21 10:00+00', '2026-11-21 11:00+00',
         'an hour begins with its minute 0'),
        ('day', '2026-11-21 02:00+00', '2026-11-21 00:00+00', '2026-11-22 00:00+00',
         'a day begins at midnight UTC'),
        ('day', '2026-03-08 12:00+00', '2026-03-08 00:00+00', '2026-03-09 00:00+00',
         'and has 24 hours when clocks change'),
        ('week', '2026-11-22 23:59+00', '2026-11-16 00:00+00', '2026-11-23 00:00+00',
         'a week ends on Sunday'),
        ('week', '2026-11-23 00:00+00', '2026-11-23 00:00+00', '2026-11-30 00:00+00',
         'and begins on Monday'),
        ('week', '2027-01-01 12:00+00', '2026-12-28 00:00+00', '2027-01-04 00:00+00',
         'a week may be of two years'),
        ('month', '2026-11-30 23:00+00', '2026-11-01 00:00+00', '2026-12-01 00:00+00',
         'a month begins on its first day, also when clocks change within it'),
        ('month', '2028-02-29 12:00+00', '2028-02-01 00:00+00', '2028-03-01 00:00+00',
         'a February ends with its last day')
) AS sample (key, at_text, began_text, ended_text, reason)
CROSS JOIN LATERAL (
    SELECT at_text::timestamptz, began_text::timestamptz, ended_text::timestamptz
) AS point (at, began, ended);
SELECT is(
    goclaw.usage_window('month', '2026-12-01 00:00+00') @> '2027-01-01 00:00+00'::timestamptz,
    false,
    'the end of a window is not in it'
);
SELECT is(goclaw.usage_window('year', now()), NULL, 'there is no window of another length');
SELECT is(goclaw.usage_window('day', NULL), NULL, 'nor one around no time');

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid =
               'goclaw.usage_window(text, timestamp with time zone)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'those who act for one tenant may ask'
);

SELECT * FROM finish(true);
ROLLBACK;

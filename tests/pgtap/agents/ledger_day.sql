-- Subject: agents.ledger_day    Docs: docs/schema/agents.md#ledger-day
--
-- A calendar: the same for everybody.
-- That no firm sees the rows of another is in ../_behaviour/every_view.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(11);

-- Shape ---------------------------------------------------------------------

SELECT columns_are(
    'agents', 'ledger_day',
    ARRAY[
        'day', 'starts_at', 'ends_at'
    ],
    'the columns are these'
);
SELECT table_privs_are(
    'agents', 'ledger_day', 'muniment_reader', ARRAY['SELECT'],
    'muniment_reader reads it'
);
SELECT table_privs_are(
    'agents', 'ledger_day', 'muniment_app', ARRAY['SELECT'],
    'muniment_app reads it'
);
SELECT table_privs_are(
    'agents', 'ledger_day', 'muniment_service', ARRAY[]::text[],
    'muniment_service has no right to it'
);
SELECT table_privs_are(
    'agents', 'ledger_day', 'muniment_maintainer', ARRAY[]::text[],
    'muniment_maintainer has no right to it'
);

-- Behaviour -----------------------------------------------------------------

SELECT results_eq(
    $$ SELECT count(*), min(day), max(day), count(DISTINCT day) FROM agents.ledger_day $$,
    $$ VALUES (92::bigint, '2026-05-01'::date, '2026-07-31'::date, 92::bigint) $$,
    'each day of the three months is there, once'
);
SELECT results_eq(
    $$ SELECT starts_at, ends_at FROM agents.ledger_day WHERE day = '2026-06-30' $$,
    $$ VALUES ('2026-06-30 00:00:00Z'::timestamptz, '2026-07-01 00:00:00Z'::timestamptz) $$,
    'a day ends where the next one starts'
);

-- What a view costs follows from it, and whether the server compiles it before it runs it.
CREATE FUNCTION pg_temp.expected_rows(p_query text)
RETURNS integer
LANGUAGE plpgsql
AS $function$
DECLARE
    v_plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || p_query
    INTO v_plan;
    RETURN v_plan #>> '{0,Plan,Plan Rows}';
END;
$function$;
SELECT cmp_ok(
    pg_temp.expected_rows('SELECT FROM agents.ledger_day'), '<=', 31 * pg_temp.expected_rows(
        $$ SELECT FROM pg_catalog.pg_inherits WHERE inhparent = 'agents.agent_run'::regclass $$
    ),
    'the planner does not expect more days than a month can have'
);

-- The clocks of New York go back on 2026-11-01.
SELECT lives_ok(
    $$ SELECT agents.ensure_partitions('2026-10-01', 2) $$, 'two months more can be made'
);
SET LOCAL timezone = 'America/New_York';
SELECT is_empty(
    $$ SELECT day
       FROM agents.ledger_day
       WHERE ends_at - starts_at <> interval '24 hours'
           OR starts_at <> (day::text || ' 00:00:00Z')::timestamptz $$,
    'a day has 24 hours and starts at midnight of UTC, whatever the zone of the session'
);
RESET timezone;

ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202605;
SELECT is(
    (SELECT min(day) FROM agents.ledger_day), '2026-06-01'::date,
    'the days of a month that has left are not there'
);

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: agents.guard_usage_daily()    Docs: docs/schema/agents.md#guard-usage-daily
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.guard_usage_daily' $$,
    $$ VALUES (
        '',
        'trigger',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        NULL::text
    ) $$,
    'a trigger function: it acts with the rights of whoever writes a row, and nobody calls it'
);

-- Behaviour -----------------------------------------------------------------

SELECT set_eq(
    $$ SELECT tgrelid::regclass::text, tgenabled::text,
           substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER) [A-Z ]+? ON')
       FROM pg_trigger
       WHERE tgname = 'usage_daily_guard_tg' $$,
    $$ VALUES ('agents.usage_daily', 'O', 'BEFORE INSERT OR UPDATE ON') $$,
    'it looks at every row that is written'
);

CREATE FUNCTION pg_temp.keep(p_day date)
RETURNS text
LANGUAGE sql
AS $function$
    SELECT test_support.answer_to(format(
        'INSERT INTO agents.usage_daily (
             firm_id, day, agent_name, provider_name, request_model, subject_type, run_count,
             failure_count, unpriced_count, rolled_up_at
         )
         VALUES (:a, %L, $q$forged$q$, $q$$q$, $q$$q$, $q$$q$, 1, 0, 1, now())',
        p_day
    ));
$function$;

SELECT test_support.record_run('a', 'a1', '2026-06-30 23:59:59.999999Z', '{"cost_usd": 9}');
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT agents.rollup_day(test_support.id('a'), '2026-06-30');

-- In a zone where the day in UTC is another.
SET LOCAL timezone = 'Pacific/Auckland';
SELECT is(pg_temp.keep(day::date), answer, promise)
FROM (
    VALUES
        ('2026-06-30', 'accepted', 'the last day of a month that is here'),
        ('2026-05-01', 'accepted', 'the first day of the first month'),
        ('2026-04-30', 'MU116 the ledger does not hold the month of 2026-04-30',
         'a day before the ledger'),
        ('2026-08-01', 'MU116 the ledger does not hold the month of 2026-08-01',
         'a day after its last month'),
        ('infinity', 'MU116 the ledger does not hold the month of infinity', 'a day that is none')
) AS attempt (day, answer, promise);
RESET ROLE;

UPDATE agents.agent_run_key SET archived_at = now();
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202606;
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ UPDATE agents.usage_daily SET cost_usd = 0 WHERE agent_name = 'clerk' $$,
    'MU116', NULL, 'figures are not written over when their month has left'
);
SELECT is(
    pg_temp.keep('2026-06-29'), 'MU116 the ledger does not hold the month of 2026-06-29',
    'nor are others put beside them, though the detached table still has its name'
);
SELECT results_eq(
    $$ SELECT agent_name, cost_usd FROM agents.usage_daily ORDER BY agent_name $$,
    $$ VALUES ('', NULL::numeric), ('clerk', 9) $$,
    'what was kept stands'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

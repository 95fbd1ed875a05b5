-- Subject: agents.usage_daily    Docs: docs/schema/agents.md#usage-daily
--
-- The table and the rules of a row; who fills it is in rollup_day.sql, and for how long it may be
-- filled in guard_usage_daily.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(24);

-- Shape ---------------------------------------------------------------------

SELECT columns_are(
    'agents', 'usage_daily',
    ARRAY[
        'firm_id', 'day', 'agent_name', 'provider_name', 'request_model', 'subject_type',
        'run_count', 'failure_count', 'unpriced_count', 'input_tokens', 'output_tokens',
        'cache_read_tokens', 'cache_write_tokens', 'reasoning_tokens', 'cost_usd', 'rolled_up_at'
    ],
    'the columns are these'
);
SELECT col_is_pk(
    'agents', 'usage_daily',
    ARRAY['firm_id', 'day', 'agent_name', 'provider_name', 'request_model', 'subject_type'],
    'a day has one row for what is counted together'
);
SELECT policies_are(
    'agents', 'usage_daily', ARRAY['usage_daily_tenant', 'usage_daily_tenant_guard'],
    'no other policy widens access'
);
SELECT table_privs_are(
    'agents', 'usage_daily', 'muniment_app', ARRAY['SELECT', 'INSERT'], 'runtimes append and read'
);
SELECT column_privs_are(
    'agents', 'usage_daily', 'cost_usd', 'muniment_app', ARRAY['SELECT', 'INSERT', 'UPDATE'],
    'and write figures over'
);
SELECT column_privs_are(
    'agents', 'usage_daily', 'day', 'muniment_app', ARRAY['SELECT', 'INSERT'],
    'but never move them to another day'
);
SELECT table_privs_are(
    'agents', 'usage_daily', 'muniment_reader', ARRAY['SELECT'], 'readers read'
);
SELECT table_privs_are(
    'agents', 'usage_daily', 'muniment_service', ARRAY[]::text[], 'the backend has no part in it'
);

-- Behaviour -----------------------------------------------------------------

-- No month has an infinite day: it would refuse what is to be tried.
ALTER TABLE agents.usage_daily DISABLE TRIGGER usage_daily_guard_tg;

CREATE FUNCTION pg_temp.record(p_values jsonb)
RETURNS void
LANGUAGE sql
AS $function$
    INSERT INTO agents.usage_daily
    SELECT (jsonb_populate_record(
        NULL::agents.usage_daily,
        '{"firm_id": "00000000-0000-4000-8000-00000000000a", "day": "2026-06-10",
          "agent_name": "clerk", "provider_name": "", "request_model": "", "subject_type": "",
          "run_count": 2, "failure_count": 0, "unpriced_count": 0, "cost_usd": 1,
          "rolled_up_at": "2026-06-11 00:00:00Z"}' || p_values
    )).*;
$function$;

SELECT lives_ok($$ SELECT pg_temp.record('{}') $$, 'what is counted together is a row');
SELECT throws_ok(
    $$ SELECT pg_temp.record('{}') $$, '23505', NULL, 'and no second one, without a NULL in the key'
);
SELECT lives_ok(
    $$ SELECT pg_temp.record(
           '{"agent_name": "", "run_count": 0, "unpriced_count": 0, "cost_usd": null}'
       ) $$,
    'the row that says that the day was rolled up counts nothing'
);
SELECT throws_ok(
    format('SELECT pg_temp.record(%L)', '{"provider_name": "p"}'::jsonb || forged.values),
    '23514',
    format('new row for relation "usage_daily" violates check constraint "%s"', forged.name),
    forged.name
)
FROM (
    VALUES
        ('usage_daily_counts_ck', '{"failure_count": 3}'::jsonb),
        ('usage_daily_counts_ck', '{"unpriced_count": -1}'),
        ('usage_daily_tokens_ck', '{"input_tokens": -1}'),
        ('usage_daily_cost_usd_ck', '{"cost_usd": "NaN"}'),
        ('usage_daily_cost_usd_ck', '{"cost_usd": -0.000000001}'),
        ('usage_daily_unpriced_has_no_cost_ck', '{"cost_usd": null}'),
        ('usage_daily_unpriced_has_no_cost_ck', '{"unpriced_count": 2, "cost_usd": 0}'),
        ('usage_daily_empty_agent_ck', '{"run_count": 0, "cost_usd": null}'),
        ('usage_daily_day_is_finite_ck', '{"day": "infinity"}'),
        ('usage_daily_times_are_finite_ck', '{"rolled_up_at": "infinity"}'),
        ('usage_daily_key_is_short_ck', jsonb_build_object('request_model', repeat('m', 201)))
) AS forged (name, values);

SELECT throws_ok(
    $$ DELETE FROM agents.usage_daily $$, 'MU001', NULL, 'not even a superuser deletes what was kept'
);
SELECT throws_ok(
    $$ TRUNCATE agents.usage_daily $$, 'MU001', NULL, 'nor empties the table'
);

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: agents.partition_status    Docs: docs/schema/agents.md#partition-status
--
-- Months are made and taken away as the owner does it.
-- That no firm sees the rows of another is in ../_behaviour/every_view.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

SELECT columns_are(
    'agents', 'partition_status',
    ARRAY[
        'table_name', 'partition_name', 'month', 'starts_at', 'ends_at',
        'estimated_row_count', 'total_bytes'
    ],
    'the columns are these'
);
SELECT table_privs_are(
    'agents', 'partition_status', 'muniment_reader', ARRAY['SELECT'],
    'muniment_reader reads it'
);
SELECT table_privs_are(
    'agents', 'partition_status', 'muniment_app', ARRAY[]::text[],
    'muniment_app has no right to it'
);
SELECT table_privs_are(
    'agents', 'partition_status', 'muniment_service', ARRAY[]::text[],
    'muniment_service has no right to it'
);
SELECT table_privs_are(
    'agents', 'partition_status', 'muniment_maintainer', ARRAY['SELECT'],
    'muniment_maintainer reads it'
);

-- Behaviour -----------------------------------------------------------------

SELECT results_eq(
    $$ SELECT table_name, partition_name, month, starts_at, ends_at
       FROM agents.partition_status
       WHERE month = '2026-06-01'
       ORDER BY table_name $$,
    $$ VALUES
        ('agent_run', 'agent_run_p202606', '2026-06-01'::date,
         '2026-06-01 00:00:00Z'::timestamptz, '2026-07-01 00:00:00Z'::timestamptz),
        ('chat_turn', 'chat_turn_p202606', '2026-06-01',
         '2026-06-01 00:00:00Z', '2026-07-01 00:00:00Z'),
        ('tool_call', 'tool_call_p202606', '2026-06-01',
         '2026-06-01 00:00:00Z', '2026-07-01 00:00:00Z') $$,
    'a month has a row for each table, with its bounds'
);
SELECT results_eq(
    $$ SELECT count(*), count(DISTINCT month) FROM agents.partition_status $$,
    $$ VALUES (9::bigint, 3::bigint) $$,
    'there are the three months that a new ledger has'
);
SELECT is_empty(
    $$ SELECT partition_name
       FROM agents.partition_status
       WHERE pg_get_expr(
           (SELECT relpartbound FROM pg_class WHERE relname = partition_name),
           (SELECT oid FROM pg_class WHERE relname = partition_name)
       ) <> format(
           'FOR VALUES FROM (%L) TO (%L)',
           to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"+00"'),
           to_char(ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"+00"')
       ) $$,
    'the bounds that the name stands for are those of the partition'
);
SELECT test_support.record_run('a', 'a1', '2026-06-10 12:00:00Z');
ANALYZE agents.agent_run;
SELECT is(
    (SELECT estimated_row_count
     FROM agents.partition_status
     WHERE partition_name = 'agent_run_p202606'),
    1::bigint,
    'afterwards they are'
);
SELECT is(
    (SELECT total_bytes FROM agents.partition_status WHERE partition_name = 'agent_run_p202606'),
    pg_total_relation_size('agents.agent_run_p202606'),
    'the size is that of the partition, indexes and all'
);

SELECT lives_ok(
    $$ SELECT agents.ensure_partitions('2026-08-01', 1) $$, 'a month more can be made'
);
SELECT is(
    (SELECT count(estimated_row_count) FROM agents.partition_status WHERE month = '2026-08-01'),
    0::bigint,
    'before the first ANALYZE of it no rows are estimated'
);
ALTER TABLE agents.tool_call DETACH PARTITION agents.tool_call_p202605;
SELECT results_eq(
    $$ SELECT table_name, min(month), max(month)
       FROM agents.partition_status
       GROUP BY table_name
       ORDER BY table_name $$,
    $$ VALUES
        ('agent_run', '2026-05-01'::date, '2026-08-01'::date),
        ('chat_turn', '2026-05-01', '2026-08-01'),
        ('tool_call', '2026-06-01', '2026-08-01') $$,
    'a month that is made is there, one that is detached is not'
);

SET LOCAL ROLE muniment_maintainer;
SELECT is(
    (SELECT count(*) FROM agents.partition_status),
    11::bigint,
    'whoever keeps the calendar sees it without a tenant'
);
RESET ROLE;
SET LOCAL timezone = 'America/St_Johns';
SELECT is(
    (SELECT min(month) FROM agents.partition_status), '2026-05-01'::date,
    'a month is one of UTC, whatever the zone of the session'
);

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: agents.ensure_partitions()    Docs: docs/schema/agents.md#ensure-partitions
--
-- The function and its arguments. What it makes, against what the deploy script made by hand, is in
-- ../_behaviour/partition_routing.sql.
BEGIN;
SELECT plan(42);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agents', 'ensure_partitions', ARRAY['date', 'integer'], 'setof text',
    'it names the months that it made'
);
SELECT is(
    (
        SELECT pg_get_function_arguments(oid)
        FROM pg_proc
        WHERE oid = 'agents.ensure_partitions(date, integer)'::regprocedure
    ),
    'p_from date, p_months integer DEFAULT 3',
    'it makes three months unless told otherwise'
);
SELECT volatility_is(
    'agents', 'ensure_partitions', ARRAY['date', 'integer'], 'volatile', 'it is not planned away'
);
SELECT is_definer(
    'agents', 'ensure_partitions', ARRAY['date', 'integer'],
    'it acts for the owner, because a month must belong to the owner'
);
SELECT function_owner_is(
    'agents', 'ensure_partitions', ARRAY['date', 'integer'], 'muniment_owner',
    'the owner that it acts for is no superuser'
);
SELECT set_eq(
    $$ SELECT unnest(proconfig)
       FROM pg_proc
       WHERE oid = 'agents.ensure_partitions(date, integer)'::regprocedure $$,
    ARRAY['search_path=pg_catalog, pg_temp', 'TimeZone=UTC', 'lock_timeout=900ms'],
    'its search_path and time zone are pinned, and it does not hold up writers for long'
);

-- Behaviour -----------------------------------------------------------------

SET LOCAL ROLE muniment_maintainer;

SAVEPOINT nothing_to_do;
SELECT is_empty(
    $$ SELECT agents.ensure_partitions('2026-05-01') $$,
    'the months of the deploy are there'
);
SELECT isnt_empty(
    $$ SELECT
       FROM pg_locks
       WHERE pid = pg_backend_pid()
           AND relation = 'agents.agent_run'::regclass
           AND mode = 'ShareUpdateExclusiveLock'
           AND granted $$,
    'there is one who makes months at a time: another one waits, before looking what is there'
);
ROLLBACK TO SAVEPOINT nothing_to_do;

SELECT set_eq(
    $$ SELECT agents.ensure_partitions('2026-08-31') $$,
    ARRAY[
        'agent_run_p202608', 'agent_run_p202609', 'agent_run_p202610',
        'chat_turn_p202608', 'chat_turn_p202609', 'chat_turn_p202610',
        'tool_call_p202608', 'tool_call_p202609', 'tool_call_p202610'
    ],
    'it begins with the month of the date, and makes it for runs, turns and calls'
);
SELECT is_empty(
    $$ SELECT agents.ensure_partitions('2026-08-01') $$,
    'what is there is not made again'
);
SELECT set_eq(
    $$ SELECT agents.ensure_partitions('2026-10-31', 2) $$,
    ARRAY['agent_run_p202611', 'chat_turn_p202611', 'tool_call_p202611'],
    'what is missing is made'
);
SELECT set_eq(
    $$ SELECT agents.ensure_partitions('2027-12-01', 3) $$,
    ARRAY[
        'agent_run_p202712', 'agent_run_p202801', 'agent_run_p202802',
        'chat_turn_p202712', 'chat_turn_p202801', 'chat_turn_p202802',
        'tool_call_p202712', 'tool_call_p202801', 'tool_call_p202802'
    ],
    'it goes on from one year to the next'
);
SELECT set_eq(
    $$ SELECT agents.ensure_partitions('2026-04-30', 1) $$,
    ARRAY['agent_run_p202604', 'chat_turn_p202604', 'tool_call_p202604'],
    'it goes back as well, for an import'
);
SELECT set_eq(
    $$ SELECT agents.ensure_partitions('2000-01-01', 1)
       UNION ALL
       SELECT agents.ensure_partitions('2099-12-31', 1) $$,
    ARRAY[
        'agent_run_p200001', 'chat_turn_p200001', 'tool_call_p200001',
        'agent_run_p209912', 'chat_turn_p209912', 'tool_call_p209912'
    ],
    'it makes months of this century'
);

-- A table in the way, which also tells, without ten years of months, that it would make them.
RESET ROLE;
CREATE TABLE agents.agent_run_p205001 (id integer);
SET LOCAL ROLE muniment_maintainer;
SELECT throws_ok(
    $$ SELECT agents.ensure_partitions('2050-01-01', 120) $$,
    '42P07',
    'relation "agent_run_p205001" already exists',
    'a table of the name of a month is not taken for the month'
);

SELECT throws_ok(
    format('SELECT agents.ensure_partitions(%s)', arguments),
    '22023',
    'p_from must lie in the years 2000 to 2099, and p_months from 1 to 120',
    promise
)
FROM (
    VALUES
        ('NULL', 'it needs a date'),
        ($$ 'infinity' $$, 'there is no last month'),
        ($$ '-infinity' $$, 'there is no first month either'),
        ($$ '1999-12-31' $$, 'the century before has no months'),
        ($$ '2100-01-01' $$, 'the century after has no months'),
        ($$ '2026-08-01 BC' $$, 'a date before Christ is a mistake'),
        ($$ '2026-08-01', NULL $$, 'it needs a number of months'),
        ($$ '2026-08-01', 0 $$, 'none is too few'),
        ($$ '2026-08-01', -1 $$, 'it takes none away'),
        ($$ '2026-08-01', 121 $$, 'more than ten years are a mistake')
) AS attempt (arguments, promise);

-- The tenant of the caller. Attaching a month needs one; it is nobody's and does not stay.
RESET ROLE;
SAVEPOINT tenants;
SET LOCAL ROLE muniment_maintainer;
SELECT agents.ensure_partitions('2030-01-01', 1);
RESET ROLE;
SELECT is(
    current_setting('app.tenant_id', true),
    '',
    'a caller without a tenant has none afterwards'
);
SELECT throws_ok(
    $$ SELECT platform.current_tenant_id() $$,
    '42501',
    'tenant is not set',
    'a caller without a tenant is still refused what needs one'
);
ROLLBACK TO SAVEPOINT tenants;

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_maintainer;
SELECT agents.ensure_partitions('2030-01-01', 1);
SELECT agents.ensure_partitions('2030-01-01', 1);
RESET ROLE;
SELECT is(
    platform.current_tenant_id(),
    '00000000-0000-4000-8000-00000000000a'::uuid,
    'a caller with a tenant gets it back'
);
SELECT throws_ok(
    $$ SELECT agents.ensure_partitions('2030-01-01', 0) $$,
    '22023',
    NULL,
    'a bad argument is refused with a tenant too'
);
SELECT is(
    platform.current_tenant_id(),
    '00000000-0000-4000-8000-00000000000a'::uuid,
    'a caller that was refused has its tenant still'
);

-- Settings of the caller that would spoil a month: these are pinned, and come back.
SET LOCAL timezone = 'America/New_York';
SET LOCAL datestyle = 'German, DMY';
SET LOCAL lock_timeout = '7s';
SELECT lives_ok(
    $$ SELECT agents.ensure_partitions('2031-03-01', 1) $$,
    'it works under another time zone and another way to write dates'
);
SELECT is(current_setting('timezone'), 'America/New_York', 'the time zone is as it was');
SELECT is(current_setting('lock_timeout'), '7s', 'the patience for locks is as it was');
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, MDY';
SELECT is(
    (SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'agent_run_p203103'),
    $$FOR VALUES FROM ('2031-03-01 00:00:00+00') TO ('2031-04-01 00:00:00+00')$$,
    'the month is one of UTC, though the clocks of the caller changed in it'
);

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agents.ensure_partitions(date, integer)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_maintainer', 'EXECUTE', false) $$,
    'only who keeps the calendar may call it'
);

CREATE FUNCTION pg_temp.try_as(p_role name, p_statement text)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', p_role);
    EXECUTE p_statement;
    RESET ROLE;
END;
$$;

SELECT throws_ok(
    format(
        'SELECT pg_temp.try_as(%L, %L)',
        name,
        $$ SELECT agents.ensure_partitions('2026-12-01') $$
    ),
    '42501',
    'permission denied for function ensure_partitions',
    format('%s cannot make a month', name)
)
FROM unnest(ARRAY['muniment_app', 'muniment_reader', 'muniment_service']) AS other (name);
SELECT throws_ok(
    format('SELECT pg_temp.try_as(%L, %L)', 'muniment_maintainer', statement),
    '42501',
    NULL,
    format('who keeps the calendar cannot %s by hand', promise)
)
FROM (
    VALUES
        (
            $$ CREATE TABLE agents.agent_run_p202612 PARTITION OF agents.agent_run
               FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00') $$,
            'make a month'
        ),
        (
            $$ ALTER TABLE agents.chat_turn DETACH PARTITION agents.chat_turn_p202605 $$,
            'take a month away'
        ),
        ($$ DROP TABLE agents.tool_call_p202605 $$, 'drop a month'),
        ($$ SELECT FROM agents.agent_run_p202605 $$, 'look into a month')
) AS attempt (statement, promise);

SELECT * FROM finish(true);
ROLLBACK;

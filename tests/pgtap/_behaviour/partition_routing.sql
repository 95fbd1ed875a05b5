-- Subject: which month a row goes to, and what a month is
-- Docs: docs/schema/agents.md
--
-- Runs, turns and calls are split by month of UTC. A row goes to its month or is refused; a query
-- that names a time reads the months of that time; a month that the function makes is the same as
-- one that the deploy wrote by hand; and a month leaves only when nothing needs it any more.
BEGIN;
SET LOCAL client_min_messages = warning;
-- Keys are written before their runs here.
SET CONSTRAINTS agents.agent_run_key_run_fk DEFERRED;
SELECT plan(149);

-- The scene -----------------------------------------------------------------

SET LOCAL timezone = 'UTC';

INSERT INTO agents.chat_session (firm_id, session_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '5e550000-0000-4000-8000-0000000000a1');

-- The partition that takes a row of this time, or the SQLSTATE and the message that refuse it. The
-- row is undone.
CREATE FUNCTION pg_temp.place_of(p_table text, p_moment timestamptz)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_firm_id CONSTANT uuid := '00000000-0000-4000-8000-00000000000a';
    v_run_id  CONSTANT uuid := '00000000-0000-4000-8000-0000000000a1';
    v_place   text;
BEGIN
    CASE p_table
        WHEN 'agent_run' THEN
            -- A key takes any time, but not infinity. So that it is the run which is refused:
            INSERT INTO agents.agent_run_key (firm_id, run_id, started_at)
            VALUES (
                v_firm_id, v_run_id, CASE WHEN isfinite(p_moment) THEN p_moment ELSE now() END
            );
            INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name)
            VALUES (v_firm_id, v_run_id, p_moment, v_run_id, 'MatterChatAgent')
            RETURNING tableoid::regclass::text INTO v_place;
        WHEN 'chat_turn' THEN
            INSERT INTO agents.chat_turn (firm_id, created_at, session_id, turn_no, role)
            VALUES (v_firm_id, p_moment, '5e550000-0000-4000-8000-0000000000a1', 1, 'user')
            RETURNING tableoid::regclass::text INTO v_place;
        WHEN 'tool_call' THEN
            INSERT INTO agents.agent_run_key (firm_id, run_id, started_at)
            VALUES (v_firm_id, v_run_id, '2026-05-01 00:00:00+00');
            INSERT INTO agents.tool_call (
                firm_id, requested_at, run_id, run_started_at, call_no, tool_name, tool_version,
                definition_sha256
            )
            SELECT
                v_firm_id, p_moment, v_run_id, '2026-05-01 00:00:00+00', 1, tool_name,
                tool_version, definition_sha256
            FROM agents.tool_registry
            WHERE tool_name = 'get_matter'
            RETURNING tableoid::regclass::text INTO v_place;
    END CASE;
    RAISE EXCEPTION 'undone' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN v_place;
    WHEN OTHERS THEN
        RETURN format('%s %s', SQLSTATE, SQLERRM);
END;
$$;
CREATE TEMP TABLE parent (name text);
INSERT INTO parent VALUES ('agent_run'), ('chat_turn'), ('tool_call');
CREATE TEMP TABLE edge (month text, first_moment timestamptz, last_moment timestamptz);
INSERT INTO edge VALUES
    ('202605', '2026-05-01 00:00:00+00', '2026-05-31 23:59:59.999999+00'),
    ('202606', '2026-06-01 00:00:00+00', '2026-06-30 23:59:59.999999+00'),
    ('202607', '2026-07-01 00:00:00+00', '2026-07-31 23:59:59.999999+00');
GRANT SELECT ON parent, edge TO PUBLIC;

-- Where a row goes ----------------------------------------------------------

SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');

SELECT is(
    pg_temp.place_of(name, first_moment),
    format('agents.%s_p%s', name, month),
    format('the first microsecond of %s is in that month of %s', month, name)
)
FROM parent, edge;
SELECT is(
    pg_temp.place_of(name, last_moment),
    format('agents.%s_p%s', name, month),
    format('the last microsecond of %s is in that month of %s', month, name)
)
FROM parent, edge;
SELECT is(
    pg_temp.place_of(name, moment::timestamptz),
    format('23514 no partition of relation "%s" found for row', name),
    format('a row of %s %s is refused: there is no such month', name, promise)
)
FROM
    parent,
    (
        VALUES
            ('2026-04-30 23:59:59.999999+00', 'a microsecond before the first month'),
            ('2026-08-01 00:00:00+00', 'a microsecond after the last month'),
            ('0001-01-01 00:00:00+00', 'of the year 1'),
            ('4713-01-01 00:00:00+00 BC', 'of the first day that there is'),
            ('9999-12-31 23:59:59.999999+00', 'of the year 9999'),
            ('294276-12-31 23:59:59.999999+00', 'of the last day that there is'),
            ('infinity', 'at the end of time'),
            ('-infinity', 'at the beginning of time')
    ) AS attempt (moment, promise);

-- A month is one of UTC, wherever the session is and however it writes its times.
SELECT results_eq(
    format(
        $$ SELECT
               set_config('timezone', %L, true),
               pg_temp.place_of(%L, '2026-05-31 23:59:59.999999+00'),
               pg_temp.place_of(%L, '2026-06-01 00:00:00+00'),
               pg_temp.place_of(%L, '2026-04-30 23:59:59.999999+00') $$,
        zone, name, name, name
    ),
    format(
        $$ VALUES (%L, 'agents.%s_p202605', 'agents.%s_p202606',
                   '23514 no partition of relation "%s" found for row') $$,
        zone, name, name, name
    ),
    format('%s: a session in %s finds the same months', name, zone)
)
FROM
    parent,
    unnest(ARRAY[
        'Pacific/Kiritimati', 'Asia/Kolkata', 'America/New_York', 'Etc/GMT+12'
    ]) AS zone;
SELECT is(
    pg_temp.place_of('agent_run', moment::timestamptz),
    place,
    format('%s %s', moment, promise)
)
FROM (
    VALUES
        ('2026-06-01 13:59:59.999999 Pacific/Kiritimati', 'agents.agent_run_p202605',
         'is still May in UTC'),
        ('2026-06-01 14:00:00 Pacific/Kiritimati', 'agents.agent_run_p202606', 'is June in UTC'),
        ('2026-05-31 19:59:59.999999 America/New_York', 'agents.agent_run_p202605',
         'is May in UTC'),
        ('2026-05-31 20:00:00 America/New_York', 'agents.agent_run_p202606',
         'is already June in UTC'),
        ('2026-08-01 05:29:59.999999 Asia/Kolkata', 'agents.agent_run_p202607',
         'is still July in UTC'),
        ('2026-08-01 05:30:00 Asia/Kolkata',
         '23514 no partition of relation "agent_run" found for row',
         'is August in UTC, which is not there')
) AS attempt (moment, place, promise);

-- Infinity has no month; where somebody made one without an end, the rules of the row refuse it.
RESET ROLE;
SET LOCAL timezone = 'UTC';
SAVEPOINT endless;
CREATE TABLE agents.agent_run_endless PARTITION OF agents.agent_run
    FOR VALUES FROM ('3000-01-01 00:00:00+00') TO (MAXVALUE);
CREATE TABLE agents.chat_turn_endless PARTITION OF agents.chat_turn
    FOR VALUES FROM ('3000-01-01 00:00:00+00') TO (MAXVALUE);
CREATE TABLE agents.tool_call_endless PARTITION OF agents.tool_call
    FOR VALUES FROM ('3000-01-01 00:00:00+00') TO (MAXVALUE);
SELECT is(
    pg_temp.place_of(name, 'infinity'),
    format(
        '23514 new row for relation "%1$s_endless" violates check constraint '
        '"%1$s_times_are_finite_ck"',
        name
    ),
    format('a month without an end does not let %s have infinity', name)
)
FROM parent;
SELECT is(
    pg_temp.place_of(name, '3000-01-01 00:00:00+00'),
    format('agents.%s_endless', name),
    format('a month without an end takes every time of %s that is one', name)
)
FROM parent;
ROLLBACK TO SAVEPOINT endless;

-- What a query reads --------------------------------------------------------

-- The partitions of agent_run that a query touched, in the order of time.
CREATE FUNCTION pg_temp.months_read(p_query text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_plan   jsonb;
    v_months text;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, FORMAT JSON) ' || p_query
    INTO v_plan;
    SELECT string_agg(DISTINCT right(node ->> 'Relation Name', 6), ', ')
    INTO v_months
    FROM jsonb_path_query(v_plan, 'strict $.**') AS node
    WHERE node ->> 'Relation Name' LIKE 'agent\_run\_p______'
        AND (node ->> 'Actual Loops')::numeric > 0;
    RETURN coalesce(v_months, 'none');
END;
$$;

-- A run a day, from May to July.
INSERT INTO agents.agent_run_key (firm_id, run_id, started_at)
SELECT
    '00000000-0000-4000-8000-00000000000a',
    ('00000000-0000-4000-8000-0000000a' || to_char(day, 'MMDD'))::uuid,
    day
FROM generate_series(
    '2026-05-01 00:00:00+00'::timestamptz, '2026-07-31 00:00:00+00', interval '1 day'
) AS day;
INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name)
SELECT firm_id, run_id, started_at, run_id, 'MatterChatAgent'
FROM agents.agent_run_key;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
ANALYZE agents.agent_run_key, agents.agent_run;

SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT tableoid::regclass::text, count(*), min(started_at), max(started_at)
       FROM agents.agent_run
       GROUP BY tableoid
       ORDER BY 1 $$,
    $$ VALUES
        ('agents.agent_run_p202605', 31::bigint, '2026-05-01 00:00:00+00'::timestamptz,
         '2026-05-31 00:00:00+00'::timestamptz),
        ('agents.agent_run_p202606', 30, '2026-06-01 00:00:00+00', '2026-06-30 00:00:00+00'),
        ('agents.agent_run_p202607', 31, '2026-07-01 00:00:00+00', '2026-07-31 00:00:00+00') $$,
    'each month holds its days and no other'
);

SELECT is(pg_temp.months_read(query), months, promise)
FROM (
    VALUES
        (
            'SELECT FROM agents.agent_run',
            '202605, 202606, 202607',
            'a query that names no time reads every month'
        ),
        (
            $$ SELECT FROM agents.agent_run WHERE started_at = '2026-06-15 00:00:00+00' $$,
            '202606',
            'a query that names a moment reads its month'
        ),
        (
            $$ SELECT
               FROM agents.agent_run
               WHERE started_at >= '2026-06-01 00:00:00+00'
                   AND started_at < '2026-07-01 00:00:00+00' $$,
            '202606',
            'a query over a month reads that month'
        ),
        (
            $$ SELECT FROM agents.agent_run WHERE started_at >= '2026-06-30 00:00:00+00' $$,
            '202606, 202607',
            'a query from a day on reads the months from there'
        ),
        (
            $$ SELECT FROM agents.agent_run WHERE started_at < '2026-05-01 00:00:00+00' $$,
            'none',
            'a query over a time without a month reads nothing'
        ),
        (
            $$ SELECT
               FROM agents.agent_run
               WHERE started_at >= timestamptz '2026-07-31 00:00:00+00' - interval '1 day' $$,
            '202607',
            'a time that is computed serves as well'
        )
) AS question (query, months, promise);

-- A run by its id alone: the key knows the time, and a scalar sub-select hands it over in time.
SELECT is(
    pg_temp.months_read(
        format(
            $$ SELECT
               FROM agents.agent_run
               WHERE firm_id = '00000000-0000-4000-8000-00000000000a'
                   AND run_id = '%1$s'
                   AND started_at = (
                       SELECT started_at
                       FROM agents.agent_run_key
                       WHERE firm_id = '00000000-0000-4000-8000-00000000000a' AND run_id = '%1$s'
                   ) $$,
            run_id
        )
    ),
    month,
    format('a run of %s is found by its id in that month alone', month)
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-0000000a0501', '202605'),
        ('00000000-0000-4000-8000-0000000a0630', '202606'),
        ('00000000-0000-4000-8000-0000000a0731', '202607')
) AS run (run_id, month);
-- A join has no such order. The plan is pinned, because a nested loop may stop early by luck.
SAVEPOINT planner;
SET LOCAL enable_nestloop = off;
SET LOCAL enable_mergejoin = off;
SELECT is(
    pg_temp.months_read(
        $$ SELECT
           FROM agents.agent_run_key AS key
           JOIN agents.agent_run AS run
               ON (run.firm_id, run.run_id, run.started_at)
                   = (key.firm_id, key.run_id, key.started_at)
           WHERE key.firm_id = '00000000-0000-4000-8000-00000000000a'
               AND key.run_id = '00000000-0000-4000-8000-0000000a0731' $$
    ),
    '202605, 202606, 202607',
    'a join with the key reads every month for the same run'
);
SELECT is(
    pg_temp.months_read(
        $$ SELECT
           FROM agents.agent_run
           WHERE firm_id = '00000000-0000-4000-8000-00000000000a'
               AND run_id = '00000000-0000-4000-8000-0000000a0731'
               AND started_at = (
                   SELECT started_at
                   FROM agents.agent_run_key
                   WHERE firm_id = '00000000-0000-4000-8000-00000000000a'
                       AND run_id = '00000000-0000-4000-8000-0000000a0731'
               ) $$
    ),
    '202607',
    'the sub-select reads its month whatever the planner may use'
);
ROLLBACK TO SAVEPOINT planner;
-- A prepared statement is planned before it knows the time.
SET LOCAL plan_cache_mode = force_generic_plan;
PREPARE runs_since (timestamptz) AS
SELECT FROM agents.agent_run WHERE started_at >= $1;
SELECT is(
    pg_temp.months_read($$ EXECUTE runs_since ('2026-07-01 00:00:00+00') $$),
    '202607',
    'a prepared statement reads the months of its parameter'
);
RESET plan_cache_mode;

-- What a month is -----------------------------------------------------------

-- Everything that the catalog says about a partition, as lines without its own month.
RESET ROLE;
CREATE FUNCTION pg_temp.anatomy_of(p_leaf text)
RETURNS SETOF text
LANGUAGE sql
AS $$
    SELECT replace(line, right(p_leaf, 6), 'YYYYMM')
    FROM (
        SELECT format('parent %s', inhparent::regclass)
        FROM pg_inherits
        WHERE inhrelid = p_leaf::regclass AND NOT inhdetachpending
        UNION ALL
        SELECT format(
            'table owner %s, kind %s, persistence %s, access method %s, row security %s, '
            'forced %s, grants %s, options %s, tablespace %s, replica identity %s, '
            'has toast %s, comment %s',
            relowner::regrole, relkind, relpersistence, amname, relrowsecurity,
            relforcerowsecurity, relacl, reloptions, reltablespace, relreplident,
            reltoastrelid <> 0, obj_description(pg_class.oid, 'pg_class')
        )
        FROM pg_class
        JOIN pg_am ON pg_am.oid = relam
        WHERE pg_class.oid = p_leaf::regclass
        UNION ALL
        SELECT format(
            'column %s %s, type %s, collation %s, not null %s, default %s, storage %s, '
            'compression %s, statistics %s, grants %s, local %s, inherited %s, comment %s',
            attnum, attname, format_type(atttypid, atttypmod), attcollation, attnotnull,
            pg_get_expr(adbin, adrelid), attstorage, attcompression, nullif(attstattarget, -1),
            attacl, attislocal, attinhcount, col_description(attrelid, attnum)
        )
        FROM pg_attribute
        LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
        WHERE attrelid = p_leaf::regclass AND attnum > 0
        UNION ALL
        SELECT format(
            'constraint %s %s, parent %s, validated %s, deferrable %s, deferred %s, local %s, '
            'inherited %s, no inherit %s',
            leaf.conname, pg_get_constraintdef(leaf.oid), parent.conname, leaf.convalidated,
            leaf.condeferrable, leaf.condeferred, leaf.conislocal, leaf.coninhcount,
            leaf.connoinherit
        )
        FROM pg_constraint AS leaf
        LEFT JOIN pg_constraint AS parent ON parent.oid = leaf.conparentid
        WHERE leaf.conrelid = p_leaf::regclass
        UNION ALL
        SELECT format(
            'referenced by %s %s, deferrable %s, deferred %s',
            parent.conname, pg_get_constraintdef(leaf.oid), leaf.condeferrable, leaf.condeferred
        )
        FROM pg_constraint AS leaf
        JOIN pg_constraint AS parent ON parent.oid = leaf.conparentid
        WHERE leaf.confrelid = p_leaf::regclass
        UNION ALL
        SELECT format(
            'index %s, part of %s, unique %s, primary %s, valid %s, options %s',
            pg_get_indexdef(leaf.oid), inhparent::regclass, indisunique, indisprimary, indisvalid,
            leaf.reloptions
        )
        FROM pg_index
        JOIN pg_class AS leaf ON leaf.oid = indexrelid
        LEFT JOIN pg_inherits ON inhrelid = indexrelid
        WHERE indrelid = p_leaf::regclass
        UNION ALL
        SELECT format('trigger %s, enabled %s', pg_get_triggerdef(oid), tgenabled)
        FROM pg_trigger
        WHERE tgrelid = p_leaf::regclass AND NOT tgisinternal
        UNION ALL
        SELECT format(
            '%s internal trigger(s) %s, type %s, enabled %s, deferrable %s, deferred %s',
            count(*), tgfoid::regproc, tgtype, tgenabled, tgdeferrable, tginitdeferred
        )
        FROM pg_trigger
        WHERE tgrelid = p_leaf::regclass AND tgisinternal
        GROUP BY tgfoid, tgtype, tgenabled, tgdeferrable, tginitdeferred
        UNION ALL
        SELECT format(
            'policy %s, %s, for %s, to %s, using %s, with check %s',
            policyname, permissive, cmd, roles, qual, with_check
        )
        FROM pg_policies
        WHERE format('%s.%s', schemaname, tablename) = p_leaf
        UNION ALL
        SELECT format('rule %s', rulename) FROM pg_rules
        WHERE format('%s.%s', schemaname, tablename) = p_leaf
    ) AS anatomy (line)
$$;

SET LOCAL ROLE muniment_maintainer;
SELECT set_eq(
    $$ SELECT agents.ensure_partitions('2026-08-01', 1) $$,
    ARRAY['agent_run_p202608', 'chat_turn_p202608', 'tool_call_p202608'],
    'who keeps the calendar makes a month'
);
RESET ROLE;
SELECT set_eq(
    format('SELECT pg_temp.anatomy_of(%L)', format('agents.%s_p202608', name)),
    format('SELECT pg_temp.anatomy_of(%L)', format('agents.%s_p202607', name)),
    format('a month of %s that was made is in all respects like one that was written', name)
)
FROM parent;
-- So that the comparison is not one of nothing with nothing.
SELECT cmp_ok(
    (SELECT count(*) FROM pg_temp.anatomy_of(format('agents.%s_p202608', name))),
    '>',
    50::bigint,
    format('the comparison of months of %s has something to compare', name)
)
FROM parent;
SELECT set_eq(
    format('SELECT pg_temp.anatomy_of(%L)', format('agents.%s_p%s', name, month)),
    format('SELECT pg_temp.anatomy_of(%L)', format('agents.%s_p202607', name)),
    format('the months of %s that were written are alike: %s', name, month)
)
FROM parent, unnest(ARRAY['202605', '202606']) AS month;
SELECT is_empty(
    $$ SELECT relid
       FROM parent, pg_partition_tree(format('agents.%s', name)::regclass)
       JOIN pg_class ON oid = relid
       WHERE isleaf AND (NOT relrowsecurity OR NOT relforcerowsecurity OR relacl IS NOT NULL) $$,
    'no month is open to anyone'
);
SELECT is(
    pg_temp.place_of(name, moment::timestamptz),
    place,
    format('%s: %s', name, promise)
)
FROM
    parent,
    LATERAL (
        VALUES
            ('2026-08-01 00:00:00+00', format('agents.%s_p202608', name),
             'the first microsecond of the new month is in it'),
            ('2026-08-31 23:59:59.999999+00', format('agents.%s_p202608', name),
             'the last microsecond of the new month is in it'),
            ('2026-07-31 23:59:59.999999+00', format('agents.%s_p202607', name),
             'the month before it ends where it ended'),
            ('2026-09-01 00:00:00+00',
             format('23514 no partition of relation "%s" found for row', name),
             'the month after the new one is not there')
    ) AS attempt (moment, place, promise);

-- Over the end of a year, a leap day and the changes of the clocks, from a session far from UTC.
SET LOCAL timezone = 'America/New_York';
SET LOCAL ROLE muniment_maintainer;
SELECT is(
    (SELECT count(*) FROM agents.ensure_partitions('2026-09-15', 19)),
    57::bigint,
    'nineteen months, made from New York'
);
RESET ROLE;
SELECT is(
    pg_temp.place_of('chat_turn', moment::timestamptz),
    place,
    format('%s is in the right month', moment)
)
FROM (
    VALUES
        ('2026-10-31 23:59:59.999999+00', 'agents.chat_turn_p202610'),
        ('2026-11-01 00:00:00+00', 'agents.chat_turn_p202611'),
        ('2026-12-31 23:59:59.999999+00', 'agents.chat_turn_p202612'),
        ('2027-01-01 00:00:00+00', 'agents.chat_turn_p202701'),
        ('2027-02-28 23:59:59.999999+00', 'agents.chat_turn_p202702'),
        ('2027-03-01 00:00:00+00', 'agents.chat_turn_p202703'),
        ('2028-02-29 23:59:59.999999+00', 'agents.chat_turn_p202802'),
        ('2028-03-01 00:00:00+00', 'agents.chat_turn_p202803')
) AS attempt (moment, place);
SET LOCAL timezone = 'UTC';
-- The bounds as text, so that neither a gap nor an overlap of a few hours can hide.
SELECT is_empty(
    $$ SELECT relid, pg_get_expr(relpartbound, oid)
       FROM parent, pg_partition_tree(format('agents.%s', name)::regclass)
       JOIN pg_class ON oid = relid,
           to_date(right(relid::text, 6), 'YYYYMM') AS month
       WHERE isleaf
           AND pg_get_expr(relpartbound, oid) <> format(
               $bound$FOR VALUES FROM ('%s 00:00:00+00') TO ('%s 00:00:00+00')$bound$,
               month,
               (month + interval '1 month')::date
           ) $$,
    'every month begins and ends at midnight of UTC, and is the one that its name says'
);
SELECT results_eq(
    $$ SELECT name, count(*)
       FROM parent, pg_partition_tree(format('agents.%s', name)::regclass)
       WHERE isleaf
       GROUP BY name
       ORDER BY name $$,
    $$ VALUES ('agent_run', 23::bigint), ('chat_turn', 23), ('tool_call', 23) $$,
    'there are 23 of each: none is missing, none is there twice'
);
SELECT is_empty(
    $$ SELECT relid
       FROM parent, pg_partition_tree(format('agents.%s', name)::regclass)
       JOIN pg_class ON oid = relid
       WHERE pg_get_expr(relpartbound, oid) = 'DEFAULT' $$,
    'no default partition takes what has no month'
);

-- A month cannot be made twice under another name, nor one that overlaps.
SELECT throws_ok(
    $$ CREATE TABLE agents.agent_run_again PARTITION OF agents.agent_run
       FOR VALUES FROM ('2026-06-15 00:00:00+00') TO ('2026-07-15 00:00:00+00') $$,
    '42P17',
    'partition "agent_run_again" would overlap partition "agent_run_p202606"',
    'a moment has one month'
);

-- A row stays in its month --------------------------------------------------

-- By the hand of a superuser, whom no grant stops.
SELECT throws_ok(
    $$ UPDATE agents.agent_run
       SET started_at = '2026-07-15 00:00:00+00'
       WHERE run_id = '00000000-0000-4000-8000-0000000a0615' $$,
    'MU001',
    'agents.agent_run_p202606 is append-only: delete refused',
    'a run does not move to another month'
);
SELECT throws_ok(
    $$ UPDATE agents.agent_run
       SET started_at = '2026-06-15 00:00:00.000001+00'
       WHERE run_id = '00000000-0000-4000-8000-0000000a0615' $$,
    '23503',
    'insert or update on table "agent_run_p202606" violates foreign key constraint '
    '"agent_run_key_fk"',
    'a run does not move by a microsecond in its month'
);
SELECT throws_ok(
    $$ UPDATE agents.agent_run_key
       SET started_at = '2026-07-15 00:00:00+00'
       WHERE run_id = '00000000-0000-4000-8000-0000000a0615' $$,
    '23503',
    NULL,
    'a key does not move away from its run'
);

-- A month leaves ------------------------------------------------------------

-- June holds a turn and a call beside its runs; a call of July is of a run of June.
INSERT INTO agents.chat_turn (
    firm_id, created_at, session_id, turn_no, role, run_id, run_started_at
) VALUES (
    '00000000-0000-4000-8000-00000000000a', '2026-06-15 00:00:01+00',
    '5e550000-0000-4000-8000-0000000000a1', 1, 'user', '00000000-0000-4000-8000-0000000a0615',
    '2026-06-15 00:00:00+00'
);
INSERT INTO agents.tool_call (
    firm_id, requested_at, run_id, run_started_at, call_no, tool_name, tool_version,
    definition_sha256
)
SELECT
    '00000000-0000-4000-8000-00000000000a', '2026-07-01 00:00:01+00',
    '00000000-0000-4000-8000-0000000a0630', '2026-06-30 00:00:00+00', 1, tool_name, tool_version,
    definition_sha256
FROM agents.tool_registry
WHERE tool_name = 'get_matter';

CREATE FUNCTION pg_temp.answer_to(p_statement text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_table text;
BEGIN
    EXECUTE p_statement;
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_table = TABLE_NAME;
        RETURN rtrim(format('%s %s', SQLSTATE, v_table));
END;
$$;

SELECT is(pg_temp.answer_to(statement), answer, promise)
FROM (
    VALUES
        ('ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202606',
         '23503 agent_run_key', 'a month of runs whose keys are live is not detached'),
        ('DROP TABLE agents.agent_run_p202606', '2BP01',
         'a month of runs whose keys are live is not dropped'),
        ('TRUNCATE agents.agent_run_p202606', '0A000',
         'a month of runs whose keys are live is not emptied'),
        ('TRUNCATE agents.agent_run_p202606 CASCADE', 'MU001',
         'a month of runs is not emptied with all that refers to it'),
        ('DELETE FROM agents.agent_run_p202606', 'MU001', 'runs do not leave row by row'),
        ('TRUNCATE agents.chat_turn_p202606', 'MU001', 'a month of turns is not emptied'),
        ('TRUNCATE agents.tool_call_p202607', 'MU001', 'a month of calls is not emptied'),
        ('TRUNCATE agents.chat_turn_p202608', 'MU001',
         'a month of turns that was made is not emptied'),
        ('TRUNCATE agents.tool_call_p202608', 'MU001',
         'a month of calls that was made is not emptied'),
        ('DELETE FROM agents.chat_turn_p202606', 'MU001', 'turns do not leave row by row'),
        ('DELETE FROM agents.tool_call_p202607', 'MU001', 'calls do not leave row by row'),
        ('ALTER TABLE agents.chat_turn DETACH PARTITION agents.chat_turn_p202606', 'accepted',
         'a month of turns can be detached: nothing refers to it'),
        ('ALTER TABLE agents.tool_call DETACH PARTITION agents.tool_call_p202607', 'accepted',
         'a month of calls can be detached: nothing refers to it')
) AS attempt (statement, answer, promise);

-- Archiving: the keys say first that the runs are gone.
UPDATE agents.agent_run_key
SET archived_at = '2027-01-01 00:00:00+00'
WHERE started_at >= '2026-06-01 00:00:00+00'
    AND started_at < '2026-06-30 00:00:00+00';
SELECT is(
    pg_temp.answer_to('ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202606'),
    '23503 agent_run_key',
    'one live key holds its month'
);
UPDATE agents.agent_run_key
SET archived_at = '2027-01-01 00:00:00+00'
WHERE started_at = '2026-06-30 00:00:00+00';
SELECT lives_ok(
    $$ ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202606 $$,
    'when its last key is archived a month can be detached'
);
SELECT is(
    (SELECT count(*) FROM agents.agent_run_p202606),
    30::bigint,
    'a month is detached with all its runs'
);
SELECT throws_ok(
    $$ SELECT agents.ensure_partitions('2026-06-01', 1) $$,
    '42P07',
    'relation "agent_run_p202606" already exists',
    'what was detached is in the way of a new month, and is not taken for it'
);
SELECT lives_ok(
    $$ DROP TABLE agents.agent_run_p202606 $$,
    'a month that was detached can be dropped'
);
SELECT is(
    (
        SELECT count(*)
        FROM agents.agent_run_key
        WHERE started_at >= '2026-06-01 00:00:00+00' AND started_at < '2026-07-01 00:00:00+00'
    ),
    30::bigint,
    'the keys of a month that was dropped stay'
);
SELECT lives_ok($$ SET CONSTRAINTS ALL IMMEDIATE $$, 'no key asks for a run that is gone');
SET CONSTRAINTS ALL DEFERRED;
SELECT is(
    (
        SELECT count(*)
        FROM agents.tool_call
        WHERE run_id = '00000000-0000-4000-8000-0000000a0630'
    ),
    1::bigint,
    'what refers to such a run stays, and still names it'
);
SELECT throws_ok(
    $$ UPDATE agents.agent_run_key
       SET archived_at = NULL
       WHERE run_id = '00000000-0000-4000-8000-0000000a0630';
       SET CONSTRAINTS ALL IMMEDIATE $$,
    '23503',
    'insert or update on table "agent_run_key" violates foreign key constraint '
    '"agent_run_key_run_fk"',
    'a key cannot say again that its run is here'
);
SELECT is(
    pg_temp.place_of('agent_run', '2026-06-15 12:00:00+00'),
    '23514 no partition of relation "agent_run" found for row',
    'nothing is added to a month that has left'
);
SELECT is(
    pg_temp.place_of('agent_run', moment::timestamptz),
    format('agents.agent_run_p%s', month),
    format('the months beside it go on: %s', month)
)
FROM (
    VALUES
        ('2026-05-31 23:59:59.999999+00', '202605'),
        ('2026-07-01 00:00:00+00', '202607')
) AS attempt (moment, month);

-- And it can come back: made anew, filled, and its keys live again.
SET LOCAL ROLE muniment_maintainer;
SELECT set_eq(
    $$ SELECT agents.ensure_partitions('2026-06-01', 1) $$,
    ARRAY['agent_run_p202606'],
    'a month that was dropped can be made anew'
);
RESET ROLE;
INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name)
SELECT firm_id, run_id, started_at, run_id, 'MatterChatAgent'
FROM agents.agent_run_key
WHERE archived_at IS NOT NULL;
SELECT lives_ok(
    $$ UPDATE agents.agent_run_key SET archived_at = NULL WHERE archived_at IS NOT NULL $$,
    'when the runs are back in a month their keys can be live again'
);
SELECT is(
    pg_temp.answer_to('ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202606'),
    '23503 agent_run_key',
    'keys that are live again hold their month as before'
);

SELECT * FROM finish(true);
ROLLBACK;

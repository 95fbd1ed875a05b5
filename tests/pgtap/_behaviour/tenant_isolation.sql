-- Subject: what a firm can learn of another firm, or do to it: nothing
-- Docs: docs/schema/agents.md
--
-- Firm a is the attacker, firm b the victim. The attacks run against every table of the ledger that
-- holds tenant data; one that is added must be added to the targets below.
-- What takes a second connection or a client program, such as COPY or a pooler, is not in here.
BEGIN;
SET LOCAL client_min_messages = warning;
-- Keys are written before their runs here.
SET CONSTRAINTS agents.agent_run_key_run_fk DEFERRED;
SELECT plan(653);

-- The scene -----------------------------------------------------------------

-- The tables, each with the statement by which an attacker would write a row of firm b.
CREATE TEMP TABLE target (name text, forgery text);
INSERT INTO target VALUES
    (
        'chat_session',
        $$ INSERT INTO agents.chat_session (firm_id)
           VALUES ('00000000-0000-4000-8000-00000000000b') $$
    ),
    (
        'agent_run_key',
        $$ INSERT INTO agents.agent_run_key (firm_id, started_at)
           VALUES ('00000000-0000-4000-8000-00000000000b', '2026-06-15 12:00:00+00') $$
    ),
    (
        'agent_run',
        $$ INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name)
           VALUES (
               '00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000b9',
               '2026-06-15 12:00:00+00', '00000000-0000-4000-8000-0000000000b9', 'forged'
           ) $$
    ),
    (
        'chat_turn',
        $$ INSERT INTO agents.chat_turn (firm_id, created_at, session_id, turn_no, role)
           VALUES (
               '00000000-0000-4000-8000-00000000000b', '2026-06-15 12:00:00+00',
               '5e550000-0000-4000-8000-0000000000b1', 9, 'user'
           ) $$
    ),
    (
        'tool_call',
        $$ INSERT INTO agents.tool_call (
               firm_id, requested_at, run_id, run_started_at, call_no, tool_name, tool_version,
               definition_sha256
           )
           SELECT
               '00000000-0000-4000-8000-00000000000b', '2026-06-15 12:00:00+00',
               '00000000-0000-4000-8000-0000000000b2', '2026-06-15 12:00:00+00', 9, tool_name,
               tool_version, definition_sha256
           FROM agents.tool_registry
           WHERE tool_name = 'get_matter' $$
    ),
    (
        'usage_daily',
        $$ INSERT INTO agents.usage_daily (
               firm_id, day, agent_name, provider_name, request_model, subject_type, run_count,
               failure_count, unpriced_count, rolled_up_at
           )
           VALUES (
               '00000000-0000-4000-8000-00000000000b', '2026-06-15', 'forged', '', '', '', 1, 0, 1,
               '2026-06-16 00:00:00+00'
           ) $$
    ),
    (
        'redaction',
        $$ INSERT INTO agents.redaction (firm_id, row_id)
           VALUES (
               '00000000-0000-4000-8000-00000000000b', '70000000-0000-4000-8000-0000000000b1'
           ) $$
    ),
    (
        'seal_chain',
        $$ INSERT INTO agents.seal_chain (firm_id, chain_no)
           VALUES ('00000000-0000-4000-8000-00000000000b', 9) $$
    ),
    (
        'run_seal',
        $$ INSERT INTO agents.run_seal (firm_id, chain_no, seal_no)
           VALUES ('00000000-0000-4000-8000-00000000000b', 1, 9) $$
    );

-- A session for each firm; then, month by month, a run with a turn and a call. A superuser writes
-- it without a tenant, so that none has been set when the attacks begin.
INSERT INTO agents.chat_session (firm_id, session_id, title, idempotency_key) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '5e550000-0000-4000-8000-0000000000a1',
        '1',
        'session of a'
    ),
    (
        '00000000-0000-4000-8000-00000000000b',
        '5e550000-0000-4000-8000-0000000000b1',
        'secret of b',
        'session of b'
    );
CREATE FUNCTION pg_temp.record_month(p_month_no integer, p_started_at timestamptz)
RETURNS void
LANGUAGE sql
AS $$
    INSERT INTO agents.agent_run_key (firm_id, run_id, started_at, idempotency_key)
    SELECT
        firm_id,
        overlay(firm_id::text PLACING right(firm_id::text, 1) || p_month_no FROM 35)::uuid,
        p_started_at,
        format('run %s of %s', p_month_no, right(firm_id::text, 1))
    FROM agents.chat_session;
    INSERT INTO agents.agent_run (
        firm_id, run_id, started_at, session_id, root_run_id, agent_name
    )
    SELECT key.firm_id, key.run_id, key.started_at, session.session_id, key.run_id, session.title
    FROM agents.agent_run_key AS key
    JOIN agents.chat_session AS session ON session.firm_id = key.firm_id
    WHERE key.started_at = p_started_at;
    INSERT INTO agents.chat_turn (
        firm_id, created_at, session_id, turn_no, run_id, run_started_at, role, author_id
    )
    SELECT
        firm_id, started_at, session_id, p_month_no, run_id, started_at, 'user', agent_name
    FROM agents.agent_run
    WHERE started_at = p_started_at;
    INSERT INTO agents.tool_call (
        firm_id, requested_at, run_id, run_started_at, call_no, tool_name, tool_version,
        definition_sha256, external_ref
    )
    SELECT
        run.firm_id, run.started_at, run.run_id, run.started_at, 1, tool.tool_name,
        tool.tool_version, tool.definition_sha256, run.agent_name
    FROM agents.agent_run AS run, agents.tool_registry AS tool
    WHERE run.started_at = p_started_at AND tool.tool_name = 'get_matter';
    INSERT INTO agents.usage_daily (
        firm_id, day, agent_name, provider_name, request_model, subject_type, run_count,
        failure_count, unpriced_count, rolled_up_at
    )
    SELECT
        firm_id, (started_at AT TIME ZONE 'UTC')::date, agent_name, '', '', '', 1, 0, 1, started_at
    FROM agents.agent_run
    WHERE started_at = p_started_at;
    INSERT INTO agents.redaction (
        firm_id, table_name, row_id, row_at, body, storage, sha256, bytes, redacted_by, reason
    )
    SELECT
        firm_id, 'chat_turn', turn_id, created_at, 'content', 'inline', sha256(''), 0, author_id,
        'asked for'
    FROM agents.chat_turn
    WHERE created_at = p_started_at;
    SELECT agents.append_seal(firm_id, 'run', run_id, started_at, NULL, ARRAY[sha256('')])
    FROM agents.agent_run
    WHERE started_at = p_started_at;
$$;
-- A runtime has no right to redact. Here it has, so that the policies are asked and not the grant.
GRANT INSERT ON agents.redaction TO muniment_app;
SELECT pg_temp.record_month(1, '2026-05-15 12:00:00+00');
SELECT pg_temp.record_month(2, '2026-06-15 12:00:00+00');
SELECT pg_temp.record_month(3, '2026-07-15 12:00:00+00');

-- All that the database tells about a statement, which is then undone: what an attacker compares.
CREATE FUNCTION pg_temp.answer_to(p_statement text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_count      bigint;
    v_message    text;
    v_detail     text;
    v_hint       text;
    v_table      text;
    v_constraint text;
BEGIN
    EXECUTE p_statement;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RAISE EXCEPTION 'accepted: % row(s)', v_count USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS
            v_message = MESSAGE_TEXT,
            v_detail = PG_EXCEPTION_DETAIL,
            v_hint = PG_EXCEPTION_HINT,
            v_table = TABLE_NAME,
            v_constraint = CONSTRAINT_NAME;
        RETURN array_to_string(
            array_remove(
                ARRAY[SQLSTATE, v_message, v_detail, v_hint, v_table, v_constraint], ''
            ),
            ' | '
        );
END;
$$;

-- The firms whose rows a query returns, in one line.
CREATE FUNCTION pg_temp.firms_in(p_query text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_firms text;
BEGIN
    EXECUTE format(
        'SELECT string_agg(DISTINCT right(firm_id::text, 1), %L) FROM (%s) AS seen', ', ', p_query
    ) INTO v_firms;
    RETURN coalesce(v_firms, 'none');
END;
$$;

GRANT SELECT ON target TO PUBLIC;

SELECT set_eq(
    $$ SELECT relname::text
       FROM pg_class
       JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'firm_id' AND NOT attisdropped
       WHERE relnamespace = 'agents'::regnamespace
           AND relkind IN ('r', 'p')
           AND NOT relispartition $$,
    $$ SELECT name FROM target $$,
    'every table that has a firm is attacked'
);
SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM agents.%I', name)),
    'a, b',
    format('the superuser sees both firms in %s: there is something to steal', name)
)
FROM target;

-- Without a tenant ----------------------------------------------------------

SELECT is(current_setting('app.tenant_id', true), NULL, 'this session has never set a tenant');

SELECT throws_ok(
    format('SET LOCAL ROLE %I; SELECT FROM agents.%I', role, name),
    '42501',
    'tenant is not set',
    format('%s without a tenant is refused %s, rather than shown nothing', role, name)
)
FROM target, unnest(ARRAY['muniment_app', 'muniment_reader', 'muniment_owner']) AS role;
SELECT throws_ok(
    format('SET LOCAL ROLE muniment_app; %s', forgery),
    '42501',
    'tenant is not set',
    format('nothing is written into %s without a tenant', name)
)
FROM target;

-- What an ended transaction leaves on a pooled connection.
SAVEPOINT former_transaction;
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000b';
ROLLBACK TO SAVEPOINT former_transaction;

SELECT is(
    current_setting('app.tenant_id', true),
    '',
    'an ended transaction leaves an empty tenant behind, not none'
);
SELECT throws_ok(
    format('SET LOCAL ROLE %I; SELECT FROM agents.%I', role, name),
    '42501',
    'tenant is not set',
    format('%s with an empty tenant is refused %s', role, name)
)
FROM target, unnest(ARRAY['muniment_app', 'muniment_reader', 'muniment_owner']) AS role;
SELECT throws_ok(
    format('SET LOCAL ROLE muniment_app; %s', forgery),
    '42501',
    'tenant is not set',
    format('nothing is written into %s with an empty tenant', name)
)
FROM target;

-- Malformed, and one that tries to be more than a value.
SELECT is(
    pg_temp.answer_to(
        format(
            'SET LOCAL app.tenant_id = %L; SET LOCAL ROLE muniment_app; SELECT FROM agents.%I',
            $$00000000-0000-4000-8000-00000000000b' OR true --$$,
            name
        )
    ),
    '22023 | tenant is malformed | Set it with platform.set_tenant(uuid).',
    format('a malformed tenant is refused %s, and not repeated', name)
)
FROM target;
SELECT is(
    pg_temp.answer_to(
        format('SET LOCAL app.tenant_id = %L; SET LOCAL ROLE muniment_app; %s', 'firm-b', forgery)
    ),
    '22023 | tenant is malformed | Set it with platform.set_tenant(uuid).',
    format('nothing is written into %s with a malformed tenant', name)
)
FROM target;

-- Reading -------------------------------------------------------------------

-- A new month has to be as closed as those that the deploy made, so from here on there is one.
SET LOCAL ROLE muniment_maintainer;
SELECT agents.ensure_partitions('2026-08-01', 1);
RESET ROLE;
SELECT pg_temp.record_month(4, '2026-08-15 12:00:00+00');

CREATE TEMP TABLE leaf AS
SELECT relid::text AS name, parentrelid::text AS parent
FROM
    unnest(ARRAY['agents.agent_run', 'agents.chat_turn', 'agents.tool_call']) AS root,
    pg_partition_tree(root::regclass)
WHERE isleaf;
GRANT SELECT ON leaf TO PUBLIC;

SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM %s', name)),
    'a, b',
    format('the superuser sees both firms in %s', name)
)
FROM leaf;

-- Every key has its run. Nothing waits for a commit any more, so tables can be altered below.
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
ANALYZE;

SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');

SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM agents.%I', name)),
    'a',
    format('an agent of a sees its own rows of %s', name)
)
FROM target;
SELECT is_empty(
    format(
        'SELECT FROM agents.%I WHERE firm_id = %L', name, '00000000-0000-4000-8000-00000000000b'
    ),
    format('an agent of a that asks for rows of b in %s gets none', name)
)
FROM target;

SELECT is(pg_temp.firms_in(query), 'a', format('no way around: %s', way))
FROM (
    VALUES
        ('a sample of the blocks', 'SELECT firm_id FROM agents.agent_run TABLESAMPLE SYSTEM (100)'),
        (
            'a sample of the rows',
            'SELECT firm_id FROM agents.tool_call TABLESAMPLE BERNOULLI (100)'
        ),
        (
            'the place of a row on disk',
            $$ SELECT firm_id FROM agents.agent_run_key WHERE ctid >= '(0,0)' $$
        ),
        (
            'the partition by its number',
            $$ SELECT firm_id
               FROM agents.agent_run
               WHERE tableoid = 'agents.agent_run_p202606'::regclass $$
        ),
        ('only the table itself', 'SELECT firm_id FROM ONLY agents.agent_run_key'),
        (
            'the row as a text',
            $$ SELECT firm_id FROM agents.chat_session WHERE chat_session::text <> '' $$
        ),
        (
            'the row as JSON',
            $$ SELECT (to_jsonb(turn) ->> 'firm_id')::uuid AS firm_id
               FROM agents.chat_turn AS turn $$
        ),
        (
            'an outer join',
            $$ SELECT theirs.firm_id
               FROM agents.agent_run AS mine
               FULL JOIN agents.agent_run AS theirs ON theirs.started_at = mine.started_at $$
        ),
        (
            'an anti-join',
            $$ SELECT firm_id
               FROM agents.agent_run AS run
               WHERE NOT EXISTS (
                   SELECT
                   FROM agents.agent_run_key AS key
                   WHERE key.run_id = run.run_id AND key.firm_id <> run.firm_id
               ) $$
        ),
        (
            'a lateral sub-select',
            $$ SELECT theirs.firm_id
               FROM
                   agents.chat_session AS mine,
                   LATERAL (
                       SELECT * FROM agents.chat_turn WHERE role = 'user' OFFSET 0
                   ) AS theirs $$
        ),
        (
            'a recursive query',
            $$ WITH RECURSIVE chain AS (
                   SELECT firm_id, run_id FROM agents.agent_run_key
                   UNION
                   SELECT run.firm_id, run.root_run_id
                   FROM agents.agent_run AS run
                   JOIN chain ON chain.run_id <> run.run_id
               )
               SELECT firm_id FROM chain $$
        ),
        (
            'a condition that is always true',
            $$ SELECT firm_id FROM agents.tool_call WHERE firm_id IS NOT NULL OR true $$
        ),
        (
            'all tables in one',
            $$ SELECT firm_id FROM agents.agent_run
               UNION SELECT firm_id FROM agents.chat_turn
               UNION SELECT firm_id FROM agents.tool_call
               UNION SELECT firm_id FROM agents.chat_session
               UNION SELECT firm_id FROM agents.agent_run_key $$
        )
) AS attempt (way, query);

-- The same rows, whichever way the planner fetches them.
SAVEPOINT planner;
SET LOCAL enable_seqscan = off;
SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM agents.%I', name)),
    'a',
    format('an agent of a sees no row of b by an index of %s', name)
)
FROM target;
SET LOCAL enable_seqscan = on;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM agents.%I', name)),
    'a',
    format('an agent of a sees no row of b by reading all of %s', name)
)
FROM target;
ROLLBACK TO SAVEPOINT planner;
-- In parallel workers, which get the settings of the one who sends them.
SELECT set_config(
    CASE
        WHEN current_setting('server_version_num')::integer >= 160000 THEN 'debug_parallel_query'
        ELSE 'force_parallel_mode'
    END,
    'on',
    true
);
SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM agents.%I', name)),
    'a',
    format('an agent of a sees no row of b by parallel workers on %s', name)
)
FROM target;
ROLLBACK TO SAVEPOINT planner;

-- A reader has the same eyes.
RESET ROLE;
SET LOCAL ROLE muniment_reader;
SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM agents.%I', name)),
    'a',
    format('a reader of a sees its own rows of %s', name)
)
FROM target;

-- Functions that tell. One is cheaper than any policy and repeats what it is asked about.
RESET ROLE;
CREATE TEMP TABLE overheard (firm_id uuid);
GRANT SELECT, INSERT ON overheard TO muniment_app;
CREATE FUNCTION pg_temp.overhear(p_firm_id uuid)
RETURNS boolean
LANGUAGE plpgsql
COST 0.0000001
AS $$
BEGIN
    INSERT INTO overheard VALUES (p_firm_id);
    RETURN true;
END;
$$;
SET LOCAL ROLE muniment_app;

SELECT is(
    pg_temp.firms_in(
        format('SELECT firm_id FROM agents.%I WHERE pg_temp.overhear(firm_id)', name)
    ),
    'a',
    format('a condition with a side effect is answered for rows of a in %s', name)
)
FROM target;
SELECT is(
    pg_temp.firms_in(
        format(
            $$ SELECT firm_id
               FROM (SELECT * FROM agents.%I OFFSET 0) AS fenced
               WHERE CASE WHEN pg_temp.overhear(firm_id) THEN true END $$,
            name
        )
    ),
    'a',
    format('a condition in a CASE behind a fence is answered for rows of a in %s', name)
)
FROM target;
SELECT is(
    pg_temp.firms_in('SELECT firm_id FROM overheard'),
    'a',
    'a function in a condition never hears of b'
);

-- The rows of a hold a number where those of b hold a word: a cast that met one would fail.
SELECT results_eq(
    format('SELECT DISTINCT %I::integer FROM agents.%I', text_column, name),
    'VALUES (1)',
    format('no error tells what b has in %s', name)
)
FROM (
    VALUES
        ('chat_session', 'title'),
        ('agent_run', 'agent_name'),
        ('chat_turn', 'author_id'),
        ('tool_call', 'external_ref')
) AS attempt (name, text_column);

-- The statistics of the planner hold values of every firm.
RESET ROLE;
SELECT isnt_empty(
    $$ SELECT FROM pg_stats WHERE schemaname = 'agents' AND tablename = 'chat_session' $$,
    'there are statistics, with values of every firm'
);
SET LOCAL ROLE muniment_app;
SELECT is_empty(
    $$ SELECT tablename, attname
       FROM pg_stats
       WHERE schemaname = 'agents' AND tablename <> 'tool_registry' $$,
    'an agent cannot read the statistics of a table with firms'
);

-- Writing -------------------------------------------------------------------

SELECT throws_ok(
    forgery,
    '42501',
    format('new row violates row-level security policy for table "%s"', name),
    format('a does not write a row of b into %s', name)
)
FROM target;
SELECT throws_ok(
    forgery || ' RETURNING firm_id',
    '42501',
    format('new row violates row-level security policy for table "%s"', name),
    format('a does not write a row of b into %s to get it back', name)
)
FROM target;
SELECT throws_ok(
    forgery || ' ON CONFLICT DO NOTHING',
    '42501',
    format('new row violates row-level security policy for table "%s"', name),
    format('a does not write a row of b into %s to see whether it is there', name)
)
FROM target;
SELECT throws_ok(
    format('WITH forged AS (%s RETURNING firm_id) SELECT FROM forged', forgery),
    '42501',
    format('new row violates row-level security policy for table "%s"', name),
    format('a does not write a row of b into %s inside of a query', name)
)
FROM target;
SELECT throws_ok(
    $$ MERGE INTO agents.chat_session AS session
       USING (
           VALUES (
               '00000000-0000-4000-8000-00000000000b'::uuid,
               '5e550000-0000-4000-8000-0000000000b1'::uuid
           )
       ) AS theirs (firm_id, session_id)
       ON (session.firm_id, session.session_id) = (theirs.firm_id, theirs.session_id)
       WHEN NOT MATCHED THEN
           INSERT (firm_id, session_id) VALUES (theirs.firm_id, theirs.session_id) $$,
    '42501',
    'new row violates row-level security policy for table "chat_session"',
    'a does not write a row of b by a MERGE that does not find it'
);
SELECT throws_ok(
    $$ INSERT INTO agents.chat_session (firm_id) VALUES
           ('00000000-0000-4000-8000-00000000000a'),
           ('00000000-0000-4000-8000-00000000000b') $$,
    '42501',
    'new row violates row-level security policy for table "chat_session"',
    'a does not write a row of b among rows of its own'
);
RESET ROLE;
SELECT results_eq(
    format(
        'SELECT count(*) FROM agents.%I WHERE firm_id = %L',
        name,
        '00000000-0000-4000-8000-00000000000b'
    ),
    format(
        'VALUES (%s::bigint)', CASE WHEN name IN ('chat_session', 'seal_chain') THEN 1 ELSE 4 END
    ),
    format('b has as many rows in %s as it had', name)
)
FROM target;

-- What the answers tell -----------------------------------------------------

-- A statement that names something of b is answered as if it named something that nobody has.
SET LOCAL ROLE muniment_app;
SELECT is(
    ARRAY[
        pg_temp.answer_to(format(statement, theirs)),
        pg_temp.answer_to(format(statement, nobodys))
    ],
    ARRAY[answer, answer],
    promise
)
FROM (
    VALUES
        (
            $$ INSERT INTO agents.agent_run_key (firm_id, run_id, started_at)
               VALUES (
                   '00000000-0000-4000-8000-00000000000a', '%s', '2026-06-15 12:00:00+00'
               ) $$,
            '00000000-0000-4000-8000-0000000000b2',
            '00000000-0000-4000-8000-000000000099',
            'accepted: 1 row(s)',
            'whether b has a run_id does not show when a takes it'
        ),
        (
            $$ INSERT INTO agents.agent_run_key (firm_id, run_id, started_at)
               VALUES (
                   '00000000-0000-4000-8000-00000000000a', '%s', '2026-06-15 12:00:00+00'
               )
               ON CONFLICT DO NOTHING $$,
            '00000000-0000-4000-8000-0000000000b2',
            '00000000-0000-4000-8000-000000000099',
            'accepted: 1 row(s)',
            'whether b has a run_id does not show in the number of rows either'
        ),
        (
            $$ INSERT INTO agents.agent_run_key (firm_id, started_at, idempotency_key)
               VALUES (
                   '00000000-0000-4000-8000-00000000000a', '2026-06-15 12:00:00+00', '%s'
               ) $$,
            'run 2 of b',
            'run of nobody',
            'accepted: 1 row(s)',
            'whether b has used an idempotency key for a run does not show'
        ),
        (
            $$ INSERT INTO agents.chat_session (firm_id, session_id)
               VALUES ('00000000-0000-4000-8000-00000000000a', '%s') $$,
            '5e550000-0000-4000-8000-0000000000b1',
            '5e550000-0000-4000-8000-000000000099',
            'accepted: 1 row(s)',
            'whether b has a session does not show'
        ),
        (
            $$ INSERT INTO agents.chat_session (firm_id, idempotency_key)
               VALUES ('00000000-0000-4000-8000-00000000000a', '%s') $$,
            'session of b',
            'session of nobody',
            'accepted: 1 row(s)',
            'whether b has used an idempotency key for a session does not show'
        ),
        (
            $$ INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name)
               VALUES (
                   '00000000-0000-4000-8000-00000000000a', '%1$s', '2026-06-15 12:00:00+00',
                   '%1$s', 'x'
               ) $$,
            '00000000-0000-4000-8000-0000000000b2',
            '00000000-0000-4000-8000-000000000099',
            '23503 | insert or update on table "agent_run_p202606" violates foreign key constraint '
            '"agent_run_key_fk" | Key is not present in table "agent_run_key". '
            '| agent_run_p202606 | agent_run_key_fk',
            'a run of a cannot hang on the key of b, and does not learn of it'
        ),
        (
            $$ INSERT INTO agents.agent_run (
                   firm_id, run_id, started_at, root_run_id, agent_name, parent_run_id, depth
               ) VALUES (
                   '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a2',
                   '2026-06-16 12:00:00+00', '00000000-0000-4000-8000-0000000000a1', 'x', '%s', 1
               ) $$,
            '00000000-0000-4000-8000-0000000000b2',
            '00000000-0000-4000-8000-000000000099',
            '23503 | insert or update on table "agent_run_p202606" violates foreign key constraint '
            '"agent_run_key_fk" | Key is not present in table "agent_run_key". '
            '| agent_run_p202606 | agent_run_key_fk',
            'a run that is wrong twice does not tell either'
        ),
        (
            $$ INSERT INTO agents.chat_turn (firm_id, created_at, session_id, turn_no, role)
               VALUES (
                   '00000000-0000-4000-8000-00000000000a', '2026-06-15 12:00:00+00', '%s', 9, 'user'
               ) $$,
            '5e550000-0000-4000-8000-0000000000b1',
            '5e550000-0000-4000-8000-000000000099',
            '23503 | insert or update on table "chat_turn_p202606" violates foreign key constraint '
            '"chat_turn_session_fk" | Key is not present in table "chat_session". '
            '| chat_turn_p202606 | chat_turn_session_fk',
            'a turn of a cannot enter a session of b, and does not learn of it'
        ),
        (
            $$ INSERT INTO agents.chat_turn (
                   firm_id, created_at, session_id, turn_no, role, run_id, run_started_at
               ) VALUES (
                   '00000000-0000-4000-8000-00000000000a', '2026-06-15 12:00:00+00',
                   '5e550000-0000-4000-8000-0000000000a1', 9, 'user', '%s', '2026-06-15 12:00:00+00'
               ) $$,
            '00000000-0000-4000-8000-0000000000b2',
            '00000000-0000-4000-8000-000000000099',
            '23503 | insert or update on table "chat_turn_p202606" violates foreign key constraint '
            '"chat_turn_run_fk" | Key is not present in table "agent_run_key". '
            '| chat_turn_p202606 | chat_turn_run_fk',
            'a turn of a cannot belong to a run of b, and does not learn of it'
        ),
        (
            $$ INSERT INTO agents.tool_call (
                   firm_id, requested_at, run_id, run_started_at, call_no, tool_name, tool_version,
                   definition_sha256
               )
               SELECT
                   '00000000-0000-4000-8000-00000000000a', '2026-06-15 12:00:00+00', '%s',
                   '2026-06-15 12:00:00+00', 9, tool_name, tool_version, definition_sha256
               FROM agents.tool_registry
               WHERE tool_name = 'get_matter' $$,
            '00000000-0000-4000-8000-0000000000b2',
            '00000000-0000-4000-8000-000000000099',
            '23503 | insert or update on table "tool_call_p202606" violates foreign key constraint '
            '"tool_call_run_fk" | Key is not present in table "agent_run_key". '
            '| tool_call_p202606 | tool_call_run_fk',
            'a call of a cannot belong to a run of b, and does not learn of it'
        ),
        (
            $$ INSERT INTO agents.tool_call (
                   firm_id, requested_at, run_id, run_started_at, call_no, tool_name, tool_version,
                   definition_sha256, child_run_id
               )
               SELECT
                   '00000000-0000-4000-8000-00000000000a', '2026-06-15 12:00:00+00',
                   '00000000-0000-4000-8000-0000000000a2', '2026-06-15 12:00:00+00', 9, tool_name,
                   tool_version, definition_sha256, '%s'
               FROM agents.tool_registry
               WHERE tool_name = 'get_matter' $$,
            '00000000-0000-4000-8000-0000000000b2',
            '00000000-0000-4000-8000-000000000099',
            '23503 | insert or update on table "tool_call_p202606" violates foreign key constraint '
            '"tool_call_child_run_fk" | Key is not present in table "agent_run_key". '
            '| tool_call_p202606 | tool_call_child_run_fk',
            'a call of a cannot have started a run of b, and does not learn of it'
        )
) AS question (statement, theirs, nobodys, answer, promise);

-- The same for what a run refers to, with a key of its own that has no run yet.
INSERT INTO agents.agent_run_key (firm_id, run_id, started_at) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a8',
        '2026-06-18 12:00:00+00'
    );
SELECT is(
    ARRAY[
        pg_temp.answer_to(format(statement, theirs)),
        pg_temp.answer_to(format(statement, nobodys))
    ],
    ARRAY[answer, answer],
    promise
)
FROM (
    VALUES
        (
            $$ INSERT INTO agents.agent_run (
                   firm_id, run_id, started_at, root_run_id, agent_name, session_id
               ) VALUES (
                   '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a8',
                   '2026-06-18 12:00:00+00', '00000000-0000-4000-8000-0000000000a8', 'x', '%s'
               ) $$,
            '5e550000-0000-4000-8000-0000000000b1',
            '5e550000-0000-4000-8000-000000000099',
            '23503 | insert or update on table "agent_run_p202606" violates foreign key constraint '
            '"agent_run_session_fk" | Key is not present in table "chat_session". '
            '| agent_run_p202606 | agent_run_session_fk',
            'a run of a cannot enter a session of b, and does not learn of it'
        ),
        (
            $$ INSERT INTO agents.agent_run (
                   firm_id, run_id, started_at, root_run_id, agent_name, parent_run_id, depth
               ) VALUES (
                   '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a8',
                   '2026-06-18 12:00:00+00', '00000000-0000-4000-8000-0000000000a1', 'x', '%s', 1
               ) $$,
            '00000000-0000-4000-8000-0000000000b2',
            '00000000-0000-4000-8000-000000000099',
            '23503 | insert or update on table "agent_run_p202606" violates foreign key constraint '
            '"agent_run_parent_fk" | Key is not present in table "agent_run_key". '
            '| agent_run_p202606 | agent_run_parent_fk',
            'a run of a cannot have a parent of b, and does not learn of it'
        ),
        (
            $$ INSERT INTO agents.agent_run (
                   firm_id, run_id, started_at, root_run_id, agent_name, parent_run_id, depth
               ) VALUES (
                   '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a8',
                   '2026-06-18 12:00:00+00', '%s', 'x', '00000000-0000-4000-8000-0000000000a1', 1
               ) $$,
            '00000000-0000-4000-8000-0000000000b2',
            '00000000-0000-4000-8000-000000000099',
            '23503 | insert or update on table "agent_run_p202606" violates foreign key constraint '
            '"agent_run_root_fk" | Key is not present in table "agent_run_key". '
            '| agent_run_p202606 | agent_run_root_fk',
            'a run of a cannot have a root of b, and does not learn of it'
        )
) AS question (statement, theirs, nobodys, answer, promise);
INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a8',
        '2026-06-18 12:00:00+00',
        '00000000-0000-4000-8000-0000000000a8',
        '1'
    );
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;

-- Locks: who holds one may keep others waiting, so only harmless ones are given.
SELECT throws_ok(
    format('LOCK TABLE agents.%I IN %s MODE', name, mode),
    '42501',
    format('permission denied for table %s', name),
    format('an agent cannot take %s on %s', mode, name)
)
FROM target, unnest(ARRAY['SHARE UPDATE EXCLUSIVE', 'ACCESS EXCLUSIVE']) AS mode;

-- Changing the tenant -------------------------------------------------------

-- The database trusts whoever may set the tenant. What it promises is that the tenant that is set
-- now is the only one, whatever was set or planned before.
SET LOCAL plan_cache_mode = force_generic_plan;
PREPARE runs_of_tenant AS SELECT DISTINCT right(firm_id::text, 1) FROM agents.agent_run;
PREPARE calls_of_firm (uuid) AS SELECT firm_id FROM agents.tool_call WHERE firm_id = $1;
SELECT results_eq('EXECUTE runs_of_tenant', $$ VALUES ('a') $$, 'a plan is made under a');
SAVEPOINT another_tenant;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT results_eq(
    'EXECUTE runs_of_tenant',
    $$ VALUES ('b') $$,
    'a plan that was made under a gives rows of b under b'
);
ROLLBACK TO SAVEPOINT another_tenant;
SELECT results_eq(
    'EXECUTE runs_of_tenant', $$ VALUES ('a') $$,
    'a plan gives rows of a when the tenant is rolled back to a'
);
SELECT is_empty(
    $$ EXECUTE calls_of_firm ('00000000-0000-4000-8000-00000000000b') $$,
    'a firm that is a parameter of the plan is none that the tenant is not'
);
SELECT throws_ok(
    $$ SELECT platform.set_tenant(NULL) $$, '22004', 'tenant is null', 'no tenant cannot be set'
);
SELECT is(
    pg_temp.firms_in('SELECT firm_id FROM agents.agent_run'), 'a',
    'when no tenant is refused the former one stays'
);
SELECT throws_ok(
    statement || '; SELECT FROM agents.agent_run',
    '42501',
    'tenant is not set',
    format('after %s there is no tenant', statement)
)
FROM unnest(ARRAY['RESET app.tenant_id', 'SET LOCAL app.tenant_id TO DEFAULT']) AS statement;

-- The rules themselves ------------------------------------------------------

SELECT throws_ok(
    format('SET LOCAL row_security = off; SELECT FROM agents.%I', name),
    '42501',
    format('query would be affected by row-level security policy for table "%s"', name),
    format('an agent that turns row security off is refused %s', name)
)
FROM target;
SELECT throws_ok(statement, '42501', NULL, format('an agent cannot %s', deed))
FROM (
    VALUES
        ('disable row security', 'ALTER TABLE agents.agent_run DISABLE ROW LEVEL SECURITY'),
        ('free the owner of it', 'ALTER TABLE agents.agent_run NO FORCE ROW LEVEL SECURITY'),
        ('add a policy', 'CREATE POLICY mine ON agents.agent_run USING (true)'),
        ('widen a policy', 'ALTER POLICY agent_run_tenant ON agents.agent_run USING (true)'),
        ('drop the guard', 'DROP POLICY agent_run_tenant_guard ON agents.agent_run'),
        ('take a table', 'ALTER TABLE agents.chat_turn OWNER TO muniment_app'),
        ('disable a trigger', 'ALTER TABLE agents.tool_call DISABLE TRIGGER ALL'),
        (
            'listen to a table',
            $$ CREATE TRIGGER mine BEFORE INSERT ON agents.chat_turn
               FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger() $$
        ),
        (
            'redirect a table',
            'CREATE RULE mine AS ON INSERT TO agents.chat_session DO INSTEAD NOTHING'
        ),
        ('drop a constraint', 'ALTER TABLE agents.tool_call DROP CONSTRAINT tool_call_run_fk'),
        (
            'detach a month',
            'ALTER TABLE agents.tool_call DETACH PARTITION agents.tool_call_p202605'
        ),
        ('drop a month', 'DROP TABLE agents.tool_call_p202605'),
        ('make a schema of its own', 'CREATE SCHEMA mine'),
        ('put a view beside the tables', 'CREATE VIEW agents.mine AS SELECT 1'),
        (
            'put a month of its own under a table',
            $$ CREATE TABLE agents.mine PARTITION OF agents.chat_turn
               FOR VALUES FROM ('2027-01-01 00:00:00+00') TO ('2027-02-01 00:00:00+00') $$
        ),
        (
            'replace the question for the tenant',
            $$ CREATE OR REPLACE FUNCTION platform.current_tenant_id()
               RETURNS uuid
               LANGUAGE sql
               AS $f$ SELECT '00000000-0000-4000-8000-00000000000b'::uuid $f$ $$
        ),
        ('rename it', 'ALTER FUNCTION platform.current_tenant_id() RENAME TO gone'),
        ('unpin its search_path', 'ALTER FUNCTION platform.current_tenant_id() RESET ALL'),
        ('publish a table', 'CREATE PUBLICATION mine FOR TABLE agents.agent_run'),
        ('copy a table to a file', $$ COPY agents.chat_session TO '/tmp/mine' $$),
        ('copy a table to a program', $$ COPY agents.chat_session TO PROGRAM 'cat' $$)
) AS attempt (deed, statement);

-- A policy knows its functions and operators by number, not by name.
RESET ROLE;
CREATE SCHEMA attacker AUTHORIZATION muniment_app;
SET LOCAL ROLE muniment_app;
CREATE FUNCTION attacker.current_tenant_id()
RETURNS uuid
LANGUAGE sql
AS $$ SELECT '00000000-0000-4000-8000-00000000000b'::uuid $$;
CREATE FUNCTION attacker.current_setting(text, boolean)
RETURNS text
LANGUAGE sql
AS $$ SELECT '00000000-0000-4000-8000-00000000000b' $$;
CREATE FUNCTION attacker.always(uuid, uuid)
RETURNS boolean
LANGUAGE sql
AS $$ SELECT true $$;
CREATE OPERATOR attacker.= (FUNCTION = attacker.always, LEFTARG = uuid, RIGHTARG = uuid);
SAVEPOINT search_path;
SELECT set_config('search_path', 'attacker, pg_catalog, ' || current_setting('search_path'), true);
SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM agents.%I', name)),
    'a',
    format('functions and operators of an attacker change nothing in %s', name)
)
FROM target;
SELECT is(
    pg_temp.answer_to(
        $$ INSERT INTO agents.chat_turn (firm_id, created_at, session_id, turn_no, role)
           VALUES (
               '00000000-0000-4000-8000-00000000000a', '2026-06-15 12:00:00+00',
               '5e550000-0000-4000-8000-0000000000b1', 9, 'user'
           ) $$
    ),
    '23503 | insert or update on table "chat_turn_p202606" violates foreign key constraint '
    '"chat_turn_session_fk" | Key is not present in table "chat_session". '
    '| chat_turn_p202606 | chat_turn_session_fk',
    'functions and operators of an attacker change nothing in a foreign key'
);
ROLLBACK TO SAVEPOINT search_path;

-- Stray rights --------------------------------------------------------------

-- Grants decide what a role may do, policies whose rows it may do it to. If a grant goes wrong, the
-- policies still hold. The guard refuses sooner, so it is put aside.
RESET ROLE;
SAVEPOINT stray_rights;
ALTER TABLE agents.chat_turn DISABLE TRIGGER chat_turn_guard_tg;
ALTER TABLE agents.tool_call DISABLE TRIGGER tool_call_guard_tg;
ALTER TABLE agents.redaction DISABLE TRIGGER redaction_forbid_update_tg;
ALTER TABLE agents.run_seal DISABLE TRIGGER run_seal_forbid_update_tg;
GRANT ALL ON ALL TABLES IN SCHEMA agents TO muniment_app;
SET LOCAL ROLE muniment_app;

SELECT is(
    pg_temp.answer_to(
        format(
            'UPDATE agents.%I SET firm_id = firm_id WHERE firm_id = %L',
            name,
            '00000000-0000-4000-8000-00000000000b'
        )
    ),
    'accepted: 0 row(s)',
    format('with every right, an agent of a updates no row of b in %s', name)
)
FROM target;
SELECT is(
    pg_temp.answer_to(format('UPDATE agents.%I SET firm_id = firm_id', name)),
    CASE name
        WHEN 'chat_session' THEN 'accepted: 1 row(s)'
        WHEN 'seal_chain' THEN 'accepted: 1 row(s)'
        WHEN 'agent_run_key' THEN 'accepted: 5 row(s)'
        WHEN 'agent_run' THEN 'accepted: 5 row(s)'
        ELSE 'accepted: 4 row(s)'
    END,
    format('with every right, an UPDATE of all is one of its own rows in %s', name)
)
FROM target;
SELECT throws_ok(
    format('UPDATE agents.%I SET firm_id = %L', name, '00000000-0000-4000-8000-00000000000b'),
    '42501',
    format('new row violates row-level security policy for table "%s"', name),
    format('with every right, an agent of a gives no row of %s to b', name)
)
FROM target;
SELECT is(
    pg_temp.answer_to(
        format(
            'DELETE FROM agents.%I WHERE firm_id = %L',
            name,
            '00000000-0000-4000-8000-00000000000b'
        )
    ),
    'accepted: 0 row(s)',
    format('with every right, an agent of a deletes no row of b from %s', name)
)
FROM target;
SELECT throws_ok(
    format('TRUNCATE agents.%I CASCADE', name),
    'MU001',
    NULL,
    format('with every right, an agent does not empty %s', name)
)
FROM target;
SELECT is(
    pg_temp.answer_to(
        format(
            'SELECT FROM agents.%I WHERE firm_id = %L FOR UPDATE',
            name,
            '00000000-0000-4000-8000-00000000000b'
        )
    ),
    'accepted: 0 row(s)',
    format('with every right, an agent of a locks no row of b in %s', name)
)
FROM target;
SELECT is(pg_temp.answer_to(statement), answer, promise)
FROM (
    VALUES
        (
            $$ UPDATE agents.chat_session AS theirs
               SET title = mine.title
               FROM agents.chat_session AS mine
               WHERE mine.firm_id <> theirs.firm_id
               RETURNING theirs.title $$,
            'accepted: 0 row(s)',
            'with every right, an agent of a updates no row of b by a join'
        ),
        (
            $$ MERGE INTO agents.chat_session AS session
               USING (VALUES ('5e550000-0000-4000-8000-0000000000b1'::uuid)) AS theirs (session_id)
               ON session.session_id = theirs.session_id
               WHEN MATCHED THEN UPDATE SET title = 'forged' $$,
            'accepted: 0 row(s)',
            'with every right, an agent of a updates no row of b by a MERGE'
        ),
        (
            $$ MERGE INTO agents.chat_session AS session
               USING (VALUES ('5e550000-0000-4000-8000-0000000000b1'::uuid)) AS theirs (session_id)
               ON session.session_id = theirs.session_id
               WHEN MATCHED THEN DELETE $$,
            'accepted: 0 row(s)',
            'with every right, an agent of a deletes no row of b by a MERGE'
        ),
        (
            $$ INSERT INTO agents.chat_session (firm_id, session_id)
               VALUES (
                   '00000000-0000-4000-8000-00000000000b', '5e550000-0000-4000-8000-0000000000b1'
               )
               ON CONFLICT (firm_id, session_id) DO UPDATE SET title = 'forged' $$,
            '42501 | new row violates row-level security policy for table "chat_session"',
            'with every right, an agent of a updates no row of b by an INSERT'
        )
) AS attempt (statement, answer, promise);

-- Directly on a month: the policies of the table above it do not apply there.
SELECT is_empty(
    format('SELECT FROM %s', name),
    format('a stray right to %s shows no row, not even of a', name)
)
FROM leaf;
SELECT throws_ok(
    format('INSERT INTO %s SELECT * FROM %s LIMIT 1', name, parent),
    '42501',
    format('new row violates row-level security policy for table "%s"', split_part(name, '.', 2)),
    format('a stray right to %s puts no row into it', name)
)
FROM leaf;
SELECT is(
    pg_temp.answer_to(format('UPDATE %s SET firm_id = firm_id', name)),
    'accepted: 0 row(s)',
    format('a stray right to %s changes no row', name)
)
FROM leaf;
SELECT is(
    pg_temp.answer_to(format('DELETE FROM %s', name)),
    'accepted: 0 row(s)',
    format('a stray right to %s takes no row out of it', name)
)
FROM leaf;
SELECT is_empty(
    $$ SELECT tablename, attname
       FROM pg_stats
       WHERE schemaname = 'agents' AND tablename <> 'tool_registry' $$,
    'a stray right does not open the statistics'
);

-- A month that was taken off keeps its lock.
RESET ROLE;
ALTER TABLE agents.chat_turn DETACH PARTITION agents.chat_turn_p202605;
ALTER TABLE agents.tool_call DETACH PARTITION agents.tool_call_p202608;
SET LOCAL ROLE muniment_app;
SELECT is_empty(
    format('SELECT FROM %s', name),
    format('%s, detached and granted, still shows no row', name)
)
FROM unnest(ARRAY['agents.chat_turn_p202605', 'agents.tool_call_p202608']) AS name;
RESET ROLE;
ROLLBACK TO SAVEPOINT stray_rights;

-- The usual shortcut for reporting users.
SAVEPOINT shortcut;
GRANT pg_read_all_data TO muniment_app;
SET LOCAL ROLE muniment_app;
SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM agents.%I', name)),
    'a',
    format('a member of pg_read_all_data sees its own rows of %s', name)
)
FROM target;
SELECT is_empty(
    format('SELECT FROM %s', name),
    format('a member of pg_read_all_data sees nothing in %s', name)
)
FROM leaf;
RESET ROLE;
ROLLBACK TO SAVEPOINT shortcut;

-- Without any of that there is no way to a month at all.
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format(statement, name),
    '42501',
    format('permission denied for table %s', split_part(name, '.', 2)),
    format('an agent has no right to %s: %s', name, split_part(statement, ' ', 1))
)
FROM leaf, unnest(ARRAY['SELECT FROM %s', 'INSERT INTO %s DEFAULT VALUES']) AS statement;

-- A careless policy ---------------------------------------------------------

-- Permissive policies add up, so one that says yes to all would open a table. The guard does not
-- add up.
RESET ROLE;
SAVEPOINT careless;
CREATE POLICY careless ON agents.chat_session USING (true) WITH CHECK (true);
CREATE POLICY careless ON agents.agent_run_key USING (true) WITH CHECK (true);
CREATE POLICY careless ON agents.agent_run USING (true) WITH CHECK (true);
CREATE POLICY careless ON agents.chat_turn USING (true) WITH CHECK (true);
CREATE POLICY careless ON agents.tool_call USING (true) WITH CHECK (true);
CREATE POLICY careless ON agents.usage_daily USING (true) WITH CHECK (true);
CREATE POLICY careless ON agents.redaction USING (true) WITH CHECK (true);
CREATE POLICY careless ON agents.seal_chain USING (true) WITH CHECK (true);
CREATE POLICY careless ON agents.run_seal USING (true) WITH CHECK (true);
SET LOCAL ROLE muniment_app;
SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM agents.%I', name)),
    'a',
    format('a careless policy shows an agent no row of b in %s', name)
)
FROM target;
SELECT throws_ok(
    forgery,
    '42501',
    format(
        'new row violates row-level security policy "%s_tenant_guard" for table "%s"', name, name
    ),
    format('a careless policy lets an agent write no row of b into %s', name)
)
FROM target;
SELECT throws_ok(
    format('SET LOCAL app.tenant_id = %L; SELECT FROM agents.%I', '', name),
    '42501',
    'tenant is not set',
    format('a careless policy does not do without a tenant in %s', name)
)
FROM target;
RESET ROLE;
SET LOCAL ROLE muniment_reader;
SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM agents.%I', name)),
    'a',
    format('a careless policy shows a reader no row of b in %s', name)
)
FROM target;
RESET ROLE;
ROLLBACK TO SAVEPOINT careless;

-- The owner -----------------------------------------------------------------

-- Under FORCE an owner without a policy would see nothing, and say nothing: a backfill of no rows,
-- a foreign key that checked none. It is refused instead, on every table and every month.
SELECT throws_ok(
    format('SET LOCAL app.tenant_id = %L; SET LOCAL ROLE muniment_owner; %s', '', statement),
    '42501',
    'tenant is not set',
    format('an owner without a tenant is refused, not fooled: %s', statement)
)
FROM (
    SELECT format('UPDATE agents.%I SET firm_id = firm_id', name)
    FROM target
    UNION ALL
    SELECT format('DELETE FROM agents.%I', name)
    FROM target
    UNION ALL
    SELECT format('SELECT FROM %s', name)
    FROM leaf
    UNION ALL
    SELECT
        'ALTER TABLE agents.agent_run_key ADD CONSTRAINT probe_fk FOREIGN KEY (firm_id, run_id) '
        'REFERENCES agents.chat_session (firm_id, session_id)'
    UNION ALL
    SELECT
        'ALTER TABLE agents.agent_run_key ADD CONSTRAINT probe_fk FOREIGN KEY (firm_id, run_id) '
        'REFERENCES agents.chat_session (firm_id, session_id) NOT VALID; '
        'ALTER TABLE agents.agent_run_key VALIDATE CONSTRAINT probe_fk'
    UNION ALL
    SELECT 'ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202605'
) AS attempt (statement);
SELECT throws_ok(
    format(
        'SET LOCAL ROLE muniment_owner; SET LOCAL row_security = off; SELECT FROM agents.%I', name
    ),
    '42501',
    format('query would be affected by row-level security policy for table "%s"', name),
    format('an owner cannot turn row security off for itself in %s', name)
)
FROM target;

SET LOCAL ROLE muniment_owner;
SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM agents.%I', name)),
    'a',
    format('an owner that has set a tenant sees that tenant in %s', name)
)
FROM target;
SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM %s', name)),
    'a',
    format('an owner that has set a tenant sees that tenant in %s', name)
)
FROM leaf;

-- What acts for its owner is bound like the owner: a view or a function that lends its rights.
CREATE VIEW agents.lent_view AS SELECT firm_id FROM agents.agent_run;
CREATE VIEW agents.modest_view WITH (security_invoker = true) AS
SELECT firm_id FROM agents.agent_run;
CREATE FUNCTION agents.lent_function()
RETURNS SETOF uuid
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT firm_id FROM agents.agent_run $$;
RESET ROLE;
CREATE ROLE muniment_test_guest;
GRANT USAGE ON SCHEMA agents, platform TO muniment_test_guest;
GRANT SELECT ON agents.lent_view, agents.modest_view TO muniment_test_guest;
GRANT EXECUTE ON FUNCTION agents.lent_function(), platform.current_tenant_id()
    TO muniment_test_guest;
SET LOCAL ROLE muniment_test_guest;
SELECT is(
    pg_temp.firms_in(query), 'a', format('%s of the owner lends the rows of a alone', what)
)
FROM (
    VALUES
        ('a view', 'SELECT firm_id FROM agents.lent_view'),
        ('a function', 'SELECT firm_id FROM agents.lent_function() AS lent (firm_id)')
) AS attempt (what, query);
SELECT throws_ok(
    format('SET LOCAL app.tenant_id = %L; %s', '', query),
    '42501',
    'tenant is not set',
    format('%s of the owner lends nothing without a tenant', what)
)
FROM (
    VALUES
        ('a view', 'SELECT FROM agents.lent_view'),
        ('a function', 'SELECT FROM agents.lent_function()')
) AS attempt (what, query);
SELECT throws_ok(
    $$ SELECT FROM agents.modest_view $$,
    '42501',
    'permission denied for table agent_run',
    'a view that acts for its caller lends nothing at all'
);
RESET ROLE;
SELECT is_empty(
    $$ SELECT pg_proc.oid::regprocedure, proowner::regrole
       FROM pg_proc
       JOIN pg_roles ON pg_roles.oid = proowner
       WHERE pronamespace IN ('agents'::regnamespace, 'platform'::regnamespace)
           AND prosecdef
           AND (rolsuper OR rolbypassrls) $$,
    'no function lends the rights of somebody whom row security does not bind'
);

-- The other roles -----------------------------------------------------------

SELECT throws_ok(
    format('SET LOCAL ROLE muniment_maintainer; SELECT FROM agents.%I', name),
    '42501',
    format('permission denied for table %s', name),
    format('muniment_maintainer sees nothing of %s, whatever the tenant', name)
)
FROM target;
SET LOCAL ROLE muniment_service;
SELECT is(
    pg_temp.firms_in(format('SELECT firm_id FROM agents.%I', name)),
    'a, b',
    format('the backend, which looks for dead workers, sees all firms in %s', name)
)
FROM target
WHERE name <> 'usage_daily';
SELECT throws_ok(
    'SELECT FROM agents.usage_daily',
    '42501',
    'permission denied for table usage_daily',
    'but it has no use for what they used'
);
RESET ROLE;
SELECT throws_ok(
    format('SET LOCAL ROLE %I; %s', role, forgery),
    '42501',
    NULL,
    format('%s writes nothing into %s', role, name)
)
FROM
    target,
    unnest(ARRAY['muniment_maintainer', 'muniment_service', 'muniment_reader']) AS role
-- The backend writes these, for all firms.
WHERE role <> 'muniment_service' OR name NOT IN ('redaction', 'seal_chain', 'run_seal');
SELECT throws_ok(
    format('SET LOCAL ROLE muniment_reader; LOCK TABLE agents.%I IN ROW EXCLUSIVE MODE', name),
    '42501',
    format('permission denied for table %s', name),
    format('a reader cannot hold up writers of %s', name)
)
FROM target;

-- A login -------------------------------------------------------------------

-- As an operator makes it: a member of the role that it acts in, which inherits nothing.
CREATE ROLE muniment_test_attacker LOGIN NOINHERIT IN ROLE muniment_app;
SET LOCAL SESSION AUTHORIZATION muniment_test_attacker;
SELECT throws_ok(
    $$ SELECT FROM agents.agent_run $$,
    '42501',
    'permission denied for schema agents',
    'a login sees nothing before it says in which role it acts'
);
SET LOCAL ROLE muniment_app;
SELECT is(
    pg_temp.firms_in('SELECT firm_id FROM agents.agent_run'),
    'a',
    'a login in its role sees the rows of its tenant'
);
SELECT throws_ok(
    format('SET LOCAL ROLE %I', role),
    '42501',
    format('permission denied to set role "%s"', role),
    format('a login cannot become %s', role)
)
FROM unnest(ARRAY['muniment_owner', 'muniment_maintainer', 'muniment_service']) AS role;
SELECT throws_ok(
    format(
        'ALTER ROLE %I SET app.tenant_id = %L', role, '00000000-0000-4000-8000-00000000000b'
    ),
    '42501',
    NULL,
    format('a login cannot give a tenant to later sessions of %s', role)
)
FROM unnest(ARRAY['muniment_test_attacker', 'muniment_app']) AS role;
-- PostgreSQL answers an onward grant with a warning, not with an error.
GRANT SELECT ON agents.agent_run TO PUBLIC;
SELECT table_privs_are(
    'agents', 'agent_run', 'public', ARRAY[]::text[], 'a login cannot hand on what it has'
);
PREPARE runs_of_role AS SELECT FROM agents.agent_run;
EXECUTE runs_of_role;
RESET ROLE;
SELECT throws_ok(
    $$ SELECT FROM agents.agent_run $$,
    '42501',
    'permission denied for schema agents',
    'a login out of its role sees nothing again, though the tenant is still set'
);
SELECT throws_ok(
    $$ EXECUTE runs_of_role $$,
    '42501',
    'permission denied for schema agents',
    'a login out of its role sees nothing by what it prepared in it'
);
RESET SESSION AUTHORIZATION;

SELECT * FROM finish(true);
ROLLBACK;

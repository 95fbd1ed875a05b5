-- Subject: agents.verify_seal()    Docs: docs/schema/agents.md#verify-seal
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(38);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.verify_seal' $$,
    $$ VALUES (
        'p_firm_id uuid, p_run_id uuid',
        'TABLE(verdict text, table_name text, row_id uuid, row_no integer, reason text)',
        'stable, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_app, muniment_reader'
    ) $$,
    'agents and readers ask, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

-- a1 has a session, three turns and two calls, one with bodies; the second turn and the arguments
-- of the first call were redacted. a2 is under way, a3 ended behind the back of the API, and the
-- month of a4 has left.
SELECT test_support.record_tool('look', 'read', 'safe');
INSERT INTO agents.chat_session (firm_id, session_id, last_turn_no, last_turn_at)
VALUES (test_support.id('a'), test_support.id('a5'), 3, '2026-06-15 12:00:00+00');
SELECT test_support.record_run('a', run, started_at::timestamptz, facts)
FROM (
    VALUES
        ('a1', '2026-06-15 12:00:00+00',
         jsonb_build_object('session_id', test_support.id('a5'), 'cost_usd', 1)),
        ('a2', '2026-06-15 12:00:00+00', '{"status": "queued", "ended_at": null}'),
        ('a3', '2026-06-15 12:00:00+00', '{}'),
        ('a4', '2026-05-15 12:00:00+00', '{}')
) AS run (run, started_at, facts);
SELECT test_support.record_turn(
    'a', 'b' || no, 'a5', no, '2026-06-15 12:00:00+00', 'turn ' || no,
    jsonb_build_object('run_id', test_support.id('a1'), 'run_started_at', '2026-06-15 12:00:00+00')
)
FROM generate_series(1, 3) AS no;
SELECT test_support.record_call(
    'a', 'c' || no, 'a1', 'look', '2026-06-15 12:00:00+00',
    jsonb_build_object('call_no', no) || CASE no
        WHEN 1 THEN jsonb_build_object(
            'args_storage', 'inline', 'args_inline', '{}', 'args_sha256', sha256('{}'),
            'args_bytes', 2, 'result_storage', 'inline', 'result_inline', '[]',
            'result_sha256', sha256('[]'), 'result_bytes', 2
        )
        ELSE '{}'
    END
)
FROM generate_series(1, 2) AS no;
SELECT agents.seal_run(test_support.id('a'), test_support.id('a1'), '2026-06-15 12:00:00+00');
SELECT agents.seal_run(test_support.id('a'), test_support.id('a4'), '2026-05-15 12:00:00+00');
SELECT agents.redact_turn(
    test_support.id('a'), test_support.id('b2'), '2026-06-15 12:00:00+00', 'U-1', 'Article 17.'
);
SELECT agents.redact_tool_call(
    test_support.id('a'), test_support.id('c1'), '2026-06-15 12:00:00+00', 'args', 'U-1', 'x'
);

-- What a reader is told of a1 after p_harm, which is undone.
CREATE FUNCTION pg_temp.told(p_harm text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_told text;
BEGIN
    SET LOCAL session_replication_role = replica;
    EXECUTE p_harm;
    SET LOCAL ROLE muniment_reader;
    SELECT string_agg(
        concat_ws(
            ' ', v.verdict, v.table_name, ltrim(split_part(v.row_id::text, '-', 5), '0'),
            'no. ' || v.row_no, v.reason
        ),
        '; '
    )
    INTO v_told
    FROM agents.verify_seal(test_support.id('a'), test_support.id('a1')) AS v;
    RAISE EXCEPTION '%', v_told USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
END;
$$;
SELECT platform.set_tenant(test_support.id('a'));
-- CHECKs hold a body to its hash: without them it can be anything.
ALTER TABLE agents.chat_turn DROP CONSTRAINT chat_turn_content_inline_ck;
ALTER TABLE agents.tool_call DROP CONSTRAINT tool_call_result_inline_ck;

SELECT is(pg_temp.told(harm), told, promise)
FROM (
    VALUES
        ('SELECT', 'holds', 'what nobody touched holds, after redactions too'),
        ('UPDATE agents.agent_run_key SET idempotency_key = ''k'' WHERE run_id = :a1',
         'differs agent_run_key a1 the row is not as it was sealed', 'the key is under the seal'),
        ('UPDATE agents.agent_run SET cost_usd = 2 WHERE run_id = :a1',
         'differs agent_run a1 the row is not as it was sealed', 'the run is'),
        ('UPDATE agents.chat_session SET channel = ''x''',
         'differs chat_session a5 the row is not as it was sealed', 'its conversation is'),
        ('UPDATE agents.chat_turn SET role = ''system'' WHERE turn_id = :b3',
         'differs chat_turn b3 no. 3 the row is not as it was sealed', 'its turns are'),
        ('UPDATE agents.tool_call SET error_type = ''x'' WHERE tool_call_id = :c2',
         'differs tool_call c2 no. 2 the row is not as it was sealed', 'its calls are'),
        ('UPDATE agents.chat_session SET title = ''x'', metadata = ''{"a": 1}'', last_turn_no = 9',
         'holds', 'what goes on in a conversation is not'),
        ('UPDATE agents.chat_turn SET content_sha256 = sha256(content_sha256) WHERE turn_id = :b3',
         'differs chat_turn b3 no. 3 the row is not as it was sealed', 'hashes of bodies are'),
        ('UPDATE agents.chat_turn SET content_inline = ''else'' WHERE turn_id = :b3',
         'differs chat_turn b3 no. 3 the body is not what its hash says', 'and with them bodies'),
        ('UPDATE agents.tool_call SET result_inline = ''{}'' WHERE tool_call_id = :c1',
         'differs tool_call c1 no. 1 the body is not what its hash says', 'of calls as well'),
        ('DELETE FROM agents.chat_turn WHERE turn_id = :b1',
         'differs chat_turn b2 no. 2 the row before it is missing', 'a row that went is missed'),
        ('DELETE FROM agents.tool_call WHERE tool_call_id = :c2',
         'differs tool_call c1 no. 1 1 rows after it are missing', 'also the last one'),
        ('DELETE FROM agents.chat_turn; DELETE FROM agents.tool_call;',
         'differs chat_session a5 5 rows after it are missing', 'or all that came last'),
        ('INSERT INTO agents.tool_call (
              firm_id, tool_call_id, requested_at, run_id, run_started_at, call_no, tool_name,
              tool_version, definition_sha256, status, ended_at
          )
          SELECT
              firm_id, :c3, requested_at, run_id, run_started_at, 3, tool_name, tool_version,
              definition_sha256, status, ended_at
          FROM agents.tool_call
          WHERE tool_call_id = :c2',
         'differs tool_call c3 no. 3 the row was not there when the run was sealed',
         'a row that came later is seen'),
        ('UPDATE agents.chat_turn SET turn_no = 9 WHERE turn_id = :b1;
          UPDATE agents.chat_turn SET turn_no = 1 WHERE turn_id = :b3;
          UPDATE agents.chat_turn SET turn_no = 3 WHERE turn_id = :b1',
         'differs chat_turn b3 no. 1 the row is not as it was sealed',
         'turns stay in their order'),
        ('UPDATE agents.chat_turn SET run_id = :a3 WHERE turn_id = :b3',
         'differs tool_call c1 no. 1 the row before it is missing', 'and with their run'),
        ('UPDATE agents.chat_session SET last_turn_no = 2',
         'differs chat_session a5 the conversation counts fewer turns than the run has',
         'a conversation does not forget turns'),
        ('DELETE FROM agents.run_seal WHERE run_id = :a4',
         'differs run_seal a1 the seal after it, or the head of the chain, follows another one',
         'the seal after it is linked with it'),
        ('DELETE FROM agents.run_seal WHERE run_id = :a1 AND kind = ''run''',
         'differs run_seal a1 the run has ended without a seal', 'a run that ended has a seal')
) AS attempt (harm_of_ids, told, promise)
CROSS JOIN LATERAL (
    SELECT regexp_replace(
        harm_of_ids, ':([abc]\d)\M', 'test_support.id(''\1'')', 'g'
    ) AS harm
) AS spelled;
SELECT throws_ok(
    $$ UPDATE agents.run_seal SET sealed_at = sealed_at - interval '1 day' $$,
    'MU001',
    NULL,
    'a seal is not written anew'
);

-- Redactions are under seals of their own.
SELECT matches(
    pg_temp.told(
        format('UPDATE agents.redaction SET %I = %s WHERE body = ''args''', column_name, value)
    ),
    '^differs (redaction|tool_call c1) ',
    format('a redaction does not get another %s', column_name)
)
FROM (
    VALUES
        ('redacted_by', '''U-2'''), ('reason', '''y'''),
        ('redacted_at', 'redacted_at - interval ''1 day'''), ('sha256', 'sha256(sha256)'),
        ('bytes', 'bytes + 1')
) AS change (column_name, value);
SELECT matches(
    pg_temp.told('DELETE FROM agents.redaction WHERE body = ''args'''),
    '^differs tool_call ',
    'a body does not go without a redaction'
);
SELECT matches(
    pg_temp.told('DELETE FROM agents.run_seal WHERE kind = ''redaction'''),
    '^differs (redaction|run_seal) ',
    'nor does a redaction count without a seal'
);
SELECT matches(
    pg_temp.told('UPDATE agents.seal_chain SET last_sha256 = sha256(''else'')'),
    '^differs redaction .* the seal after it, or the head of the chain, follows another one$',
    'or with one that the chain does not hold'
);

-- Runs in other states.
SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT * FROM agents.verify_seal(test_support.id('a'), test_support.id('a2')) $$,
    $$ VALUES ('open', NULL, NULL::uuid, NULL::integer, 'the run has not ended') $$,
    'a run that goes on is open'
);
SELECT results_eq(
    $$ SELECT * FROM agents.verify_seal(test_support.id('a'), test_support.id('a3')) $$,
    $$ VALUES (
        'differs', 'run_seal', test_support.id('a3'), NULL::integer,
        'the run has ended without a seal'
    ) $$,
    'who ends a run by hand has no seal'
);
RESET ROLE;
SELECT test_support.record_run(
    'a', 'a6', '2026-06-15 12:00:00+00', '{"status": "queued", "ended_at": null}'
);
SET LOCAL ROLE muniment_app;
SELECT agents.append_seal(
    test_support.id('a'), 'run', test_support.id('a6'), '2026-06-15 12:00:00+00', NULL,
    ARRAY(
        SELECT s.digest
        FROM agents.sealed_rows(
            test_support.id('a'), test_support.id('a6'), '2026-06-15 12:00:00+00'
        ) AS s
        ORDER BY s.place
    )
);
SELECT results_eq(
    $$ SELECT * FROM agents.verify_seal(test_support.id('a'), test_support.id('a6')) $$,
    $$ VALUES (
        'differs', 'agent_run', test_support.id('a6'), NULL::integer,
        'the run was sealed before it ended'
    ) $$,
    'a seal is the end of a run, even where all is as it was sealed'
);
RESET ROLE;
SET LOCAL session_replication_role = replica;
UPDATE agents.agent_run_key
SET archived_at = clock_timestamp()
WHERE run_id = test_support.id('a4');
DELETE FROM agents.agent_run WHERE run_id = test_support.id('a4');
SET LOCAL session_replication_role = origin;
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT verdict, table_name, row_id
       FROM agents.verify_seal(test_support.id('a'), test_support.id('a4')) $$,
    $$ VALUES ('archived', NULL, NULL::uuid) $$,
    'of a run whose month has left there is nothing to compare'
);
RESET ROLE;
SET LOCAL session_replication_role = replica;
UPDATE agents.agent_run_key
SET archived_at = clock_timestamp()
WHERE run_id = test_support.id('a2');
DELETE FROM agents.agent_run WHERE started_at >= '2026-06-01 00:00:00+00';
SET LOCAL session_replication_role = origin;
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT verdict, reason
       FROM agents.verify_seal(test_support.id('a'), test_support.id('a2')) $$,
    $$ VALUES ('archived', 'the month of the run has left; it was never sealed') $$,
    'nor does a run that was open when its month left pass for a sealed one'
);
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ('SELECT agents.verify_seal(:a, :a9)', 'P0002 p_run_id: run a9 is not there',
         'what is not there is neither'),
        ('SELECT agents.verify_seal(:a, NULL)', 'P0002 p_run_id: run <NULL> is not there',
         'a run has to be named')
) AS attempt (statement, answer, promise);
SELECT matches(
    test_support.answer_to('SET LOCAL app.tenant_id = ''''; SELECT agents.verify_seal(NULL, :a1)'),
    '^(22004 tenant is null|42501 tenant is not set)$',
    'somebody has to act'
);
SELECT matches(
    test_support.answer_to('SELECT agents.verify_seal(:b, :a1)'),
    '^(42501 the transaction acts for another tenant|P0002 p_run_id: run a1 is not there)$',
    'nobody looks at what another firm has'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

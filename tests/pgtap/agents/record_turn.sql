-- Subject: agents.record_turn()    Docs: docs/schema/agents.md#record-turn
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(45);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.record_turn' $$,
    $$ VALUES (
        'p_firm_id uuid, p_session_id uuid, p_run jsonb, p_turns jsonb, p_tool_calls jsonb '
        'DEFAULT ''[]''::jsonb',
        'TABLE(run_id uuid, started_at timestamp with time zone, last_turn_no integer, '
        'seal_sha256 bytea, is_new boolean)',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_app'
    ) $$,
    'agents record an exchange, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SELECT test_support.record_tool('look', 'read', 'safe');
INSERT INTO agents.tool_registry (
    tool_name, tool_version, description, input_schema, side_effect, replay, approval
)
VALUES ('pay', '1', 'Pays.', '{}', 'irreversible', 'never', 'always');
UPDATE agents.tool_registry SET is_active = true WHERE tool_name IN ('look', 'pay');
SET LOCAL ROLE muniment_app;
SELECT agents.open_session(test_support.id('a'), test_support.id('a5'));
SELECT agents.open_session(test_support.id('a'), test_support.id('a6'));
SELECT agents.open_session(test_support.id('a'), test_support.id('a7'));
SELECT agents.close_session(test_support.id('a'), test_support.id('a6'));

-- The least that an exchange is.
CREATE TEMPORARY TABLE answer AS
SELECT *
FROM agents.record_turn(
    test_support.id('a'), test_support.id('a5'),
    jsonb_build_object(
        'run_id', test_support.id('a1'), 'agent_name', 'clerk',
        'started_at', now() - interval '1 hour'
    ),
    '[
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "content": "Me.", "input_tokens": 10, "output_tokens": 5,
         "cache_read_tokens": 4, "cache_write_tokens": 3, "reasoning_tokens": 2, "cost_usd": 0.5},
        {"role": "assistant", "content": "You.", "input_tokens": 1, "output_tokens": 1,
         "cost_usd": 0.25}
    ]',
    '[{"tool_name": "look", "args": "{}", "result": "Grüße"}, {"tool_name": "pay"}]'
);
SELECT results_eq(
    $$ SELECT a.run_id, a.started_at = k.started_at, a.last_turn_no, a.is_new
       FROM answer AS a
       INNER JOIN agents.agent_run_key AS k ON k.run_id = a.run_id $$,
    $$ VALUES (test_support.id('a1'), true, 3, true) $$,
    'it returns the run and the number of the last turn'
);
SELECT results_eq(
    $$ SELECT
           status, session_id, root_run_id, depth, operation, attempt_no, ended_at >= started_at,
           input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
           cost_usd, metadata
       FROM agents.agent_run $$,
    $$ VALUES (
           'succeeded', test_support.id('a5'), test_support.id('a1'), 0::smallint, 'invoke_agent',
           1, true, 11::bigint, 6::bigint, 4::bigint, 3::bigint, 2::bigint, 0.75, '{}'::jsonb
       ) $$,
    'the run has succeeded, and used what its turns used'
);
SELECT results_eq(
    $$ SELECT t.turn_no, t.role, t.content_inline, t.run_id, t.run_started_at = r.started_at
       FROM agents.chat_turn AS t
       CROSS JOIN agents.agent_run AS r
       ORDER BY t.turn_no $$,
    $$ VALUES
        (1, 'user', 'Who?', test_support.id('a1'), true),
        (2, 'assistant', 'Me.', test_support.id('a1'), true),
        (3, 'assistant', 'You.', test_support.id('a1'), true) $$,
    'the turns are numbered and written'
);
SELECT results_eq(
    $$ SELECT
           call_no, attempt_no, tool_name, tool_version, status, approval_status, args_inline,
           args_bytes, result_inline, result_bytes, result_sha256
       FROM agents.tool_call
       ORDER BY call_no $$,
    $$ VALUES
        (1, 1, 'look', '1', 'succeeded', 'not_required', '{}', 2::bigint, 'Grüße', 7::bigint,
         sha256(convert_to('Grüße', 'UTF8'))),
        (2, 1, 'pay', '1', 'succeeded', 'not_recorded', NULL, NULL, NULL, NULL, NULL) $$,
    'the calls too, and of one that somebody should have agreed to it is said that nobody is known'
);
SELECT results_eq(
    $$ SELECT v.verdict, s.seal_sha256 = a.seal_sha256
       FROM answer AS a
       INNER JOIN agents.run_seal AS s ON s.run_id = a.run_id
       CROSS JOIN LATERAL agents.verify_seal(s.firm_id, s.run_id) AS v $$,
    $$ VALUES ('holds', true) $$,
    'and the seal, which holds, is returned'
);

-- All that an exchange can be.
SELECT agents.record_turn(
    test_support.id('a'), test_support.id('a5'),
    jsonb_build_object(
        'run_id', test_support.id('a2'), 'idempotency_key', 'key',
        'started_at', now() - interval '1 minute', 'ended_at', now() - interval '30 seconds',
        'status', 'failed', 'operation', 'chat', 'agent_name', 'clerk', 'agent_version', '2',
        'prompt_name', 'p', 'prompt_version', '3', 'subject_type', 'matter', 'subject_id', 'M-1',
        'actor_type', 'user', 'actor_id', 'U-1', 'provider_name', 'acme', 'request_model', 'm-1',
        'response_model', 'm-2', 'parent_run_id', test_support.id('a1'), 'finish_reason', 'stop',
        'error_type', 'refused', 'error_message', 'No.', 'is_error_retryable', true,
        'input_tokens', 100, 'cost_usd', 2, 'price_ref', 'list', 'first_token_ms', 3,
        'trace_id', repeat('0f', 16), 'span_id', repeat('0f', 8), 'metadata', '{"a": 1}'::jsonb
    ),
    '[{"role": "assistant", "output_tokens": 5}]',
    jsonb_build_array(
        jsonb_build_object(
            'tool_call_id', test_support.id('c1'), 'requested_at', now() - interval '50 seconds',
            'provider_call_id', 'call_1', 'tool_name', 'look', 'tool_version', '1',
            'idempotency_key', 'once', 'status', 'failed',
            'started_at', now() - interval '45 seconds', 'ended_at', now() - interval '40 seconds',
            'error_type', 'timeout', 'error_message', 'Late.', 'is_error_retryable', true,
            'child_run_id', test_support.id('a1'), 'external_ref', 'x-1', 'cost_usd', 0.125,
            'span_id', repeat('0a', 8), 'args', '{}', 'args_preview', '{', 'result', 'r',
            'result_preview', 'r'
        )
    )
);
SELECT results_eq(
    $$ SELECT
           started_at, ended_at, status, operation, agent_version, prompt_name, prompt_version,
           subject_type, subject_id, actor_type, actor_id, provider_name, request_model,
           response_model, parent_run_id, root_run_id, depth, finish_reason, error_type,
           error_message, is_error_retryable, input_tokens, output_tokens, cost_usd, price_ref,
           first_token_ms, trace_id, span_id, metadata
       FROM agents.agent_run
       WHERE run_id = test_support.id('a2') $$,
    $$ VALUES (
           now() - interval '1 minute', now() - interval '30 seconds', 'failed', 'chat', '2', 'p',
           '3', 'matter', 'M-1', 'user', 'U-1', 'acme', 'm-1', 'm-2', test_support.id('a1'),
           test_support.id('a1'), 1::smallint, 'stop', 'refused', 'No.', true, 100::bigint,
           NULL::bigint, 2::numeric, 'list', 3, repeat('0f', 16), repeat('0f', 8),
           '{"a": 1}'::jsonb
       ) $$,
    'each key of a run goes into its column, and tokens are counted by the caller or by the turns'
);
SELECT results_eq(
    $$ SELECT
           requested_at, provider_call_id, idempotency_key, status, started_at, ended_at,
           error_type, error_message, is_error_retryable, child_run_id, external_ref, cost_usd,
           span_id, args_preview, result_preview
       FROM agents.tool_call
       WHERE tool_call_id = test_support.id('c1') $$,
    $$ VALUES (
           now() - interval '50 seconds', 'call_1', 'once', 'failed',
           now() - interval '45 seconds', now() - interval '40 seconds', 'timeout', 'Late.', true,
           test_support.id('a1'), 'x-1', 0.125, repeat('0a', 8), '{', 'r'
       ) $$,
    'each key of a call goes into its column'
);
SELECT is(
    (SELECT verdict FROM agents.verify_seal(test_support.id('a'), test_support.id('a2'))),
    'holds',
    'the seal of it holds'
);

-- The same again.
SELECT agents.record_turn(
    test_support.id('a'), test_support.id('a5'), '{"idempotency_key": "k", "agent_name": "clerk"}',
    '[{"role": "user", "content": "Hi"}]', '[{"tool_name": "look"}]'
);
SELECT agents.append_turn(test_support.id('a'), test_support.id('a5'), 'user', 'And then?');
SELECT results_eq(
    $$ SELECT a.run_id = k.run_id, a.last_turn_no, a.seal_sha256 = s.seal_sha256, a.is_new
       FROM agents.record_turn(
           test_support.id('a'), test_support.id('a5'),
           jsonb_build_object(
               'idempotency_key', 'k', 'agent_name', 'clerk', 'run_id', test_support.id('a3'),
               'started_at', now(), 'ended_at', now(), 'trace_id', repeat('0e', 16)
           ),
           jsonb_build_array(
               jsonb_build_object(
                   'role', 'user', 'content', 'Hi', 'turn_id', test_support.id('b1'),
                   'created_at', now()
               )
           ),
           jsonb_build_array(
               jsonb_build_object(
                   'tool_name', 'look', 'tool_call_id', test_support.id('c2'), 'started_at', now()
               )
           )
       ) AS a
       INNER JOIN agents.agent_run_key AS k ON k.idempotency_key = 'k'
       INNER JOIN agents.run_seal AS s ON s.run_id = k.run_id $$,
    $$ VALUES (true, 5, true, false) $$,
    'the same request, whatever ids and times it has now, returns what was recorded'
);
SELECT is(
    (SELECT count(*) FROM agents.chat_turn WHERE content_inline = 'Hi'),
    1::bigint,
    'and writes nothing'
);

SELECT is(
    test_support.answer_to(
        format(
            'SELECT agents.record_turn(:a, :%s, %L, %L, %L)',
            session, '{"agent_name": "clerk"}'::jsonb || run, turns, calls
        )
    ),
    replace(answer, 'MONTH', to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')),
    promise
)
FROM (
    VALUES
        ('a5', '{}'::jsonb, '[]'::jsonb, '[]'::jsonb, 'accepted', 'an exchange may be silent'),
        ('a5', '{"idempotency_key": "k"}', '[{"role": "user", "content": "Ho"}]', '[]',
         format('MU100 p_run.idempotency_key: run %s was recorded by another request', (
            SELECT run_id FROM agents.agent_run_key WHERE idempotency_key = 'k'
         )), 'another request does not get the key'),
        ('a5', jsonb_build_object('run_id', test_support.id('a2')), '[]', '[]',
         'MU100 p_run.run_id: run a2 was recorded by another request', 'nor the id'),
        ('a5', '{"name": "clerk"}', '[]', '[]', '22023 p_run.name: is no key',
         'a key of a run that is none is named'),
        ('a5', '{}', '[{"name": "clerk"}]', '[]', '22023 p_turns[0].name: is no key',
         'and one of a turn'),
        ('a5', '{}', '[]', '[{"name": "clerk"}]', '22023 p_tool_calls[0].name: is no key',
         'and one of a call'),
        ('a5', '{}', NULL, '[]', '22023 p_turns: is not an array of objects', 'turns are given'),
        ('a5', '{"idempotency_key": "j"}', '{"role": "user"}', '[]',
         '22023 p_turns: is not an array of objects', 'in an array'),
        ('a5', '{"idempotency_key": "j"}', '[{}, "Hi"]', '[]',
         '22023 p_turns[1]: is not an object', 'as objects'),
        ('a7', '{}', '[]', '[]', 'accepted', 'even the first exchange may be silent'),
        ('a5', '{"status": "running"}', '[]', '[]',
         '22023 p_run.status: running is not the end of a run', 'what goes on is not recorded'),
        ('a5', '{"first_token_ms": "soon"}', '[]', '[]',
         '22P02 invalid input syntax for type integer: "soon"', 'a value is of its type'),
        ('a5', '{"started_at": "noon"}', '[]', '[]',
         '22007 invalid input syntax for type timestamp with time zone: "noon"',
         'a time is a time'),
        ('a5', '{"ended_at": "9999-01-01Z"}', '[]', '[]',
         'MU112 p_run.ended_at: 9999-01-01Z lies in the future', 'nothing ends in the future'),
        ('a5', '{}', '[]', '[{"tool_name": "look", "requested_at": "9999-01-01Z"}]',
         'MU112 p_tool_calls[0].requested_at: 9999-01-01Z lies in the future',
         'nothing is asked for in the future'),
        ('a6', '{}', '[]', '[]', 'MU104 p_session_id: session a6 is closed',
         'nothing is recorded in a closed session'),
        ('a9', '{}', '[]', '[]', 'P0002 p_session_id: session a9 is not there',
         'nor in one that is not there'),
        ('a5', jsonb_build_object('parent_run_id', test_support.id('a9')), '[]', '[]',
         'P0002 p_run.parent_run_id: run a9 is not there', 'a parent is there'),
        ('a5', '{}', '[]', '[{"tool_name": "look"}, {"tool_name": "fly"}]',
         'MU105 p_tool_calls[1].tool_name: fly is not registered, or has no active version',
         'a tool is registered'),
        ('a5', '{}', '[]', '[{"tool_name": "look", "tool_version": "9"}]',
         'MU105 p_tool_calls[0].tool_name: look 9 is not registered, or has no active version',
         'in this version'),
        ('a5', '{}', '[]', '[{}]',
         'MU105 p_tool_calls[0].tool_name: NULL is not registered, or has no active version',
         'a call names its tool'),
        ('a5', '{"agent_name": null}', '[]', '[]',
         '23502 null value in column "agent_name" of relation "agent_run_pMONTH" violates '
         'not-null constraint', 'a run names its agent'),
        ('a5', '{"ended_at": "2026-06-15T12:00:00Z"}', '[
            {"role": "user", "turn_id": "00000000-0000-4000-8000-0000000000b2"},
            {"role": "user", "turn_id": "00000000-0000-4000-8000-0000000000b2"}
         ]', '[]',
         '23505 duplicate key value violates unique constraint "chat_turn_p202606_pkey"',
         'no two turns have one id'),
        ('a5', '{"ended_at": "2020-01-01Z"}', '[]', '[]',
         '23514 no partition of relation "agent_run" found for row',
         'nothing is recorded in a month that is not there'),
        ('a5', '{"status": "failed"}', '[]', '[]',
         '23514 new row for relation "agent_run_pMONTH" violates check constraint '
         '"agent_run_failed_has_error_ck"', 'what the table refuses is refused by name')
) AS attempt (session, run, turns, calls, answer, promise);
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.record_turn(:a, :a5, NULL, '[]') $$,
         '22023 p_run: is not an object', 'a run is given'),
        ($$ SELECT agents.record_turn(:b, :a5, '{"agent_name": "clerk"}', '[]') $$,
         '42501 the transaction acts for another tenant', 'nobody acts for two firms'),
        ($$ SET LOCAL app.tenant_id = '';
            SELECT agents.record_turn(:b, :a5, '{"agent_name": "clerk"}', '[]') $$,
         'P0002 p_session_id: session a5 is not there', 'what another firm has is not there'),
        ($$ SET LOCAL app.tenant_id = '';
            SELECT agents.record_turn(NULL, :a5, '{"agent_name": "clerk"}', '[]') $$,
         '22004 tenant is null', 'somebody has to act')
) AS attempt (statement, answer, promise);
SELECT throws_ok(
    format(
        $$ SELECT agents.record_turn(
               test_support.id('a'), test_support.id('a5'),
               jsonb_build_object(
                   'agent_name', 'clerk', 'parent_run_id', test_support.id('a1'),
                   'started_at', %L::timestamptz
               ),
               '[]'
           ) $$,
        now() - interval '2 hours'
    ),
    'MU112',
    NULL,
    'no run starts before its parent'
);

SELECT agents.start_run(
    test_support.id('a'), 'clerk', p_run_id => test_support.id('d5'), p_worker_id => 'w1',
    p_started_at => now() + interval '4 minutes'
);
SELECT agents.record_turn(
    test_support.id('a'), test_support.id('a7'),
    '{"agent_name": "clerk"}'::jsonb || run || jsonb_build_object('run_id', test_support.id(ending)),
    '[{"role": "assistant", "output_tokens": 5, "cost_usd": 0.5}]', '[{"tool_name": "look"}]'
)
FROM (
    VALUES
        ('d6', jsonb_build_object('parent_run_id', test_support.id('d5'))),
        ('d7', '{"input_tokens": 100}'),
        ('d8', '{"cost_usd": 2}')
) AS exchange (ending, run);
SELECT results_eq(
    $$ SELECT started_at, ended_at FROM agents.agent_run WHERE run_id = test_support.id('d6') $$,
    $$ SELECT now() + interval '4 minutes', now() + interval '4 minutes' $$,
    'nor, where no time is given, before one that was started by a clock ahead of this one'
);
SELECT results_eq(
    $$ SELECT right(run_id::text, 2), input_tokens, output_tokens, cost_usd
       FROM agents.agent_run
       WHERE run_id BETWEEN test_support.id('d6') AND test_support.id('d8')
       ORDER BY run_id $$,
    $$ VALUES
        ('d6', NULL::bigint, 5::bigint, 0.5), ('d7', 100, NULL, NULL), ('d8', NULL, 5, 2) $$,
    'whose tokens the caller counts, the caller prices; what the turns count either may price'
);

-- A run whose month has left is known by its key alone.
SELECT agents.record_turn(
    test_support.id('a'), test_support.id('a5'),
    jsonb_build_object('agent_name', 'clerk', 'run_id', test_support.id('d1')), '[]'
);
SELECT agents.record_turn(
    test_support.id('a'), test_support.id('a5'),
    jsonb_build_object(
        'agent_name', 'clerk', 'run_id', test_support.id('d2'),
        'parent_run_id', test_support.id('d1')
    ),
    '[]'
);
RESET ROLE;
ALTER TABLE agents.agent_run DISABLE TRIGGER agent_run_forbid_delete_tg;
UPDATE agents.agent_run_key SET archived_at = now() WHERE run_id = test_support.id('d1');
DELETE FROM agents.agent_run WHERE run_id = test_support.id('d1');
SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT run_id, is_new
       FROM agents.record_turn(
           test_support.id('a'), test_support.id('a5'),
           jsonb_build_object(
               'agent_name', 'clerk', 'run_id', test_support.id('d2'),
               'parent_run_id', test_support.id('d1')
           ),
           '[]'
       ) $$,
    $$ VALUES (test_support.id('d2'), false) $$,
    'the same request after the month of its parent has left is known'
);
SELECT results_eq(
    $$ SELECT last_turn_no FROM agents.chat_session WHERE session_id = test_support.id('a5') $$,
    $$ VALUES (6) $$,
    'what was refused has used no number'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

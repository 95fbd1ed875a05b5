-- Subject: agents.finish_run()    Docs: docs/schema/agents.md#finish-run
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(46);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.finish_run' $$,
    $$ VALUES (
        'p_firm_id uuid, p_run_id uuid, p_worker_id text, p_attempt_no integer, p_status text, '
        'p_finish_reason text DEFAULT NULL::text, p_error_type text DEFAULT NULL::text, '
        'p_error_message text DEFAULT NULL::text, p_is_error_retryable boolean DEFAULT '
        'NULL::boolean, p_input_tokens bigint DEFAULT NULL::bigint, p_output_tokens bigint '
        'DEFAULT NULL::bigint, p_cache_read_tokens bigint DEFAULT NULL::bigint, '
        'p_cache_write_tokens bigint DEFAULT NULL::bigint, p_reasoning_tokens bigint DEFAULT '
        'NULL::bigint, p_cost_usd numeric DEFAULT NULL::numeric, p_price_ref text DEFAULT '
        'NULL::text, p_response_model text DEFAULT NULL::text, p_first_token_ms integer DEFAULT '
        'NULL::integer, p_ended_at timestamp with time zone DEFAULT NULL::timestamp with time '
        'zone',
        'bytea',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_app'
    ) $$,
    'agents finish their runs, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SELECT test_support.record_tool('write', 'write', 'never');
SET LOCAL ROLE muniment_app;
SELECT agents.start_run(
    test_support.id('a'), 'clerk', p_run_id => test_support.id('a' || to_hex(no)),
    p_started_at => now() - interval '1 hour', p_worker_id => CASE WHEN no <> 9 THEN 'w1' END
)
FROM generate_series(1, 11) AS no;

CREATE FUNCTION pg_temp.seal_of(p_ending text)
RETURNS bytea
LANGUAGE sql
AS $$
    SELECT seal_sha256 FROM agents.run_seal WHERE run_id = test_support.id(p_ending)
$$;
CREATE FUNCTION pg_temp.verdict(p_ending text)
RETURNS text
LANGUAGE sql
AS $$
    SELECT concat_ws(' ', verdict, table_name, reason)
    FROM agents.verify_seal(test_support.id('a'), test_support.id(p_ending))
$$;

-- All that can be said of an end.
CREATE TEMPORARY TABLE answer AS
SELECT agents.finish_run(
    p_firm_id => test_support.id('a'), p_run_id => test_support.id('a1'), p_worker_id => 'w1',
    p_attempt_no => 1, p_status => 'failed', p_finish_reason => 'length', p_error_type => 'boom',
    p_error_message => 'It went boom.', p_is_error_retryable => true, p_input_tokens => 10,
    p_output_tokens => 5, p_cache_read_tokens => 4, p_cache_write_tokens => 3,
    p_reasoning_tokens => 2, p_cost_usd => 0.000000001, p_price_ref => 'list-1',
    p_response_model => 'm-1', p_first_token_ms => 7, p_ended_at => now() - interval '1 minute'
) AS seal_sha256;
SELECT results_eq(
    $$ SELECT
           status, finish_reason, error_type, error_message, is_error_retryable, input_tokens,
           output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd,
           price_ref, response_model, first_token_ms, now() - ended_at
       FROM agents.agent_run
       WHERE run_id = test_support.id('a1') $$,
    $$ VALUES (
           'failed', 'length', 'boom', 'It went boom.', true, 10::bigint, 5::bigint, 4::bigint,
           3::bigint, 2::bigint, 0.000000001, 'list-1', 'm-1', 7, interval '1 minute'
       ) $$,
    'a run ends as its worker says'
);
SELECT is(
    (SELECT seal_sha256 FROM answer), pg_temp.seal_of('a1'), 'and the seal is returned'
);
SELECT is(pg_temp.verdict('a1'), 'holds', 'which holds');
SELECT is(
    agents.finish_run(test_support.id('a'), test_support.id('a1'), 'w1', 1, 'failed'),
    (SELECT seal_sha256 FROM answer),
    'the same again returns the same seal, whatever else is said'
);
SELECT is(
    (SELECT finish_reason FROM agents.agent_run WHERE run_id = test_support.id('a1')),
    'length',
    'and changes nothing'
);
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.finish_run(:a, :a1, 'w1', 1, 'cancelled') $$,
         'MU101 p_run_id: run a1 has ended as failed', 'a run ends in one way'),
        ($$ SELECT agents.finish_run(:a, :a1, 'w2', 1, 'failed') $$,
         'MU101 p_run_id: run a1 has ended as failed', 'by one worker'),
        ($$ SELECT agents.finish_run(:a, :a1, 'w1', 2, 'failed') $$,
         'MU101 p_run_id: run a1 has ended as failed', 'in one attempt')
) AS attempt (statement, answer, promise);

-- Nothing but that it ended.
SELECT agents.finish_run(test_support.id('a'), test_support.id('a2'), 'w1', 1, 'succeeded');
SELECT results_eq(
    $$ SELECT
           ended_at BETWEEN now() AND clock_timestamp(),
           num_nonnulls(
               finish_reason, error_type, error_message, is_error_retryable, input_tokens,
               output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd,
               price_ref, response_model, first_token_ms
           )
       FROM agents.agent_run
       WHERE run_id = test_support.id('a2') $$,
    $$ VALUES (true, 0) $$,
    'it ends now, and what is not known stays unknown: without turns there is no sum'
);
SELECT is(pg_temp.verdict('a2'), 'holds', 'and it is sealed');

-- What the turns say. a3: all are priced that a model wrote; a4: one is not; a5: as a3, and the
-- worker counted itself.
RESET ROLE;
SELECT test_support.record_turn(
    'a', 'b' || no || run, 'f' || run, no, now() - interval '30 minutes', 'text',
    jsonb_build_object(
        'run_id', test_support.id('a' || run), 'run_started_at', now() - interval '1 hour'
    ) || facts
)
FROM generate_series(3, 6) AS run
CROSS JOIN (
    VALUES
        (1, '{}'::jsonb),
        (2, '{"input_tokens": 10, "output_tokens": 5, "cache_read_tokens": 4,
              "cache_write_tokens": 3, "reasoning_tokens": 2, "cost_usd": 0.25}'),
        (3, '{"input_tokens": 100, "output_tokens": 50, "cache_read_tokens": 40, "cost_usd": 0.5}'),
        (4, '{"input_tokens": 7, "output_tokens": 1}')
) AS turn (no, facts)
WHERE no < 4 OR run = 4;
SET LOCAL ROLE muniment_app;
SELECT agents.finish_run(
    p_firm_id => test_support.id('a'), p_run_id => test_support.id('a' || run),
    p_worker_id => 'w1', p_attempt_no => 1, p_status => 'succeeded', p_output_tokens => tokens,
    p_cost_usd => cost
)
FROM (
    VALUES (3, NULL, NULL), (4, NULL, NULL), (5, 1, NULL), (6, NULL, 0.125)
) AS finished (run, tokens, cost);
SELECT results_eq(
    $$ SELECT
           right(run_id::text, 2), input_tokens, output_tokens, cache_read_tokens,
           cache_write_tokens, reasoning_tokens, cost_usd
       FROM agents.agent_run
       WHERE run_id BETWEEN test_support.id('a3') AND test_support.id('a6')
       ORDER BY run_id $$,
    $$ VALUES
        ('a3', 110::bigint, 55::bigint, 44::bigint, 3::bigint, 2::bigint, 0.75),
        ('a4', 117, 56, 44, 3, 2, NULL),
        ('a5', NULL, 1, NULL, NULL, NULL, NULL),
        ('a6', 110, 55, 44, 3, 2, 0.125) $$,
    'tokens are those of the turns or those of the worker, and a sum of prices has all of them'
);
SELECT is(pg_temp.verdict('a3'), 'holds', 'the turns are under the seal');

-- With calls that are open: a7 has one that was begun, a8 one that waits for a person.
RESET ROLE;
SELECT test_support.record_call(
    'a', 'c' || run, 'a' || run, 'write', now() - interval '30 minutes', facts
)
FROM (
    VALUES
        (7, '{"status": "running", "ended_at": null, "call_no": 3}'::jsonb),
        (8, '{"status": "waiting_approval", "approval_status": "pending", "started_at": null,
              "ended_at": null}')
) AS call (run, facts);
SELECT test_support.record_call('a', 'd7', 'a7', 'write', now() - interval '30 minutes');
SELECT test_support.record_call(
    'a', 'e7', 'a7', 'write', now() - interval '31 minutes',
    '{"status": "requested", "started_at": null, "ended_at": null, "call_no": 4}'
);
SET LOCAL ROLE muniment_app;
UPDATE agents.agent_run
SET status = 'waiting_approval'
WHERE run_id IN (test_support.id('a8'), test_support.id('aa'));
SELECT is(
    test_support.answer_to($$ SELECT agents.finish_run(:a, :a7, 'w1', 1, 'succeeded') $$),
    'MU115 p_status: call 3 of run a7 is open',
    'a run does not succeed before its calls have ended'
);
SELECT is(
    test_support.answer_to($$ SELECT agents.finish_run(:a, :a8, 'w1', 1, 'succeeded') $$),
    'MU115 p_status: call 1 of run a8 is open',
    'nor before somebody has decided'
);
SELECT agents.finish_run(
    p_firm_id => test_support.id('a'), p_run_id => test_support.id('a7'), p_worker_id => 'w1',
    p_attempt_no => 1, p_status => 'timed_out', p_ended_at => now() - interval '10 minutes'
);
SELECT agents.finish_run(test_support.id('a'), test_support.id('a8'), 'w1', 1, 'cancelled');
SELECT results_eq(
    $$ SELECT right(tool_call_id::text, 2), status, approval_status, error_type
       FROM agents.tool_call
       WHERE run_id IN (test_support.id('a7'), test_support.id('a8'))
       ORDER BY 1 $$,
    $$ VALUES
        ('c7', 'unknown', 'not_required', 'run_ended'),
        ('c8', 'cancelled', 'expired', 'run_ended'),
        ('d7', 'succeeded', 'not_required', NULL),
        ('e7', 'cancelled', 'not_required', 'run_ended') $$,
    'when it ends otherwise, its calls end with it'
);
SELECT results_eq(
    $$ SELECT r.ended_at, c.ended_at
       FROM agents.agent_run AS r
       INNER JOIN agents.tool_call AS c ON c.run_id = r.run_id
       WHERE c.tool_call_id = test_support.id('c7') $$,
    $$ VALUES (now() - interval '10 minutes', now() - interval '10 minutes') $$,
    'at the same time'
);
SELECT is(pg_temp.verdict('a7'), 'holds', 'the calls are under the seal');

-- Nothing waits any more.
SELECT isnt(
    agents.finish_run(test_support.id('a'), test_support.id('aa'), 'w1', 1, 'succeeded'),
    NULL,
    'what waited for a person may end well'
);
SELECT is(pg_temp.verdict('aa'), 'holds', 'under a seal');

-- No worker ever had it.
SELECT is(
    test_support.answer_to($$ SELECT agents.finish_run(:a, :a9, NULL, 1, 'succeeded') $$),
    'MU103 run a9 does not go from queued to succeeded',
    'a queued run does not succeed'
);
SELECT is(
    test_support.answer_to($$ SELECT agents.finish_run(:a, :a9, NULL, 1, 'failed', NULL, 'x') $$),
    'MU103 run a9 does not go from queued to failed',
    'nor fail'
);
SELECT is(
    agents.finish_run(test_support.id('a'), test_support.id('a9'), NULL, 1, 'cancelled'),
    pg_temp.seal_of('a9'),
    'it is cancelled'
);
SELECT is(
    agents.finish_run(test_support.id('a'), test_support.id('a9'), NULL, 1, 'cancelled'),
    pg_temp.seal_of('a9'),
    'once'
);

-- The name of the month and the time are left out.
SELECT is(
    regexp_replace(
        test_support.answer_to(statement), '_p\d{6}|\d{4}-\d\d-\d\d \S+ ', ''
    ),
    answer,
    promise
)
FROM (
    VALUES
        ($$ SELECT agents.finish_run(:a, :ab, 'w2', 1, 'succeeded') $$,
         'MU102 p_attempt_no: run ab is at attempt 1 of another worker',
         'another worker does not finish it'),
        ($$ SELECT agents.finish_run(:a, :ab, 'w1', 2, 'succeeded') $$,
         'MU102 p_attempt_no: run ab is at attempt 1 of another worker', 'nor another attempt'),
        ($$ SELECT agents.finish_run(:a, :af, 'w1', 1, 'succeeded') $$,
         'P0002 p_run_id: run af is not there', 'what is not there is not finished'),
        ($$ SELECT agents.finish_run(:a, :ab, 'w1', 1, NULL) $$,
         '22023 p_status: NULL does not finish a run', 'a run ends as something'),
        ($$ SELECT agents.finish_run(:a, :ab, 'w1', 1, 'running') $$,
         '22023 p_status: ''running'' does not finish a run', 'going on is no end'),
        ($$ SELECT agents.finish_run(:a, :ab, 'w1', 1, 'abandoned') $$,
         '22023 p_status: ''abandoned'' does not finish a run',
         'a worker does not say that it is dead'),
        ($$ SELECT agents.finish_run(
                :a, :ab, 'w1', 1, 'cancelled', p_ended_at => now() + interval '4 minutes'
            ) $$,
         'accepted', 'a clock may be ahead'),
        ($$ SELECT agents.finish_run(
                :a, :ab, 'w1', 1, 'cancelled', p_ended_at => now() + interval '1 day'
            ) $$,
         'MU112 p_ended_at: lies in the future', 'by minutes'),
        ($$ SELECT agents.finish_run(
                :a, :ab, 'w1', 1, 'cancelled', p_ended_at => now() - interval '2 hours'
            ) $$,
         '23514 new row for relation "agent_run" violates check constraint '
         '"agent_run_ended_after_started_ck"',
         'a run does not end before it starts'),
        ($$ SELECT agents.finish_run(:a, :ab, 'w1', 1, 'failed') $$,
         '23514 new row for relation "agent_run" violates check constraint '
         '"agent_run_failed_has_error_ck"',
         'a failure has a name'),
        ($$ SELECT agents.finish_run(
                :a, :ab, 'w1', 1, 'failed', p_error_type => 'x',
                p_error_message => repeat('x', 2049)
            ) $$,
         '23514 new row for relation "agent_run" violates check constraint '
         '"agent_run_error_message_ck"',
         'and no novel'),
        ($$ SELECT agents.finish_run(:a, :ab, 'w1', 1, 'succeeded', p_cache_read_tokens => -1) $$,
         '23514 new row for relation "agent_run" violates check constraint '
         '"agent_run_tokens_ck"',
         'there are no fewer than no tokens'),
        ($$ SELECT agents.finish_run(
                :a, :ab, 'w1', 1, 'succeeded', p_input_tokens => 1, p_cache_read_tokens => 2
            ) $$,
         '23514 new row for relation "agent_run" violates check constraint '
         '"agent_run_input_includes_cache_ck"',
         'what was cached was input'),
        ($$ SELECT agents.finish_run(
                :a, :ab, 'w1', 1, 'succeeded', p_output_tokens => 1, p_reasoning_tokens => 2
            ) $$,
         '23514 new row for relation "agent_run" violates check constraint '
         '"agent_run_output_includes_reasoning_ck"',
         'what was thought was output'),
        ($$ SELECT agents.finish_run(:a, :ab, 'w1', 1, 'succeeded', p_cost_usd => -1) $$,
         '23514 new row for relation "agent_run" violates check constraint '
         '"agent_run_cost_usd_ck"',
         'nobody is paid for a run'),
        ($$ SELECT agents.finish_run(:a, :ab, 'w1', 1, 'succeeded', p_first_token_ms => -1) $$,
         '23514 new row for relation "agent_run" violates check constraint '
         '"agent_run_first_token_ms_ck"',
         'nothing answers before it is asked'),
        ($$ SELECT agents.finish_run(:b, :ab, 'w1', 1, 'succeeded') $$,
         '42501 the transaction acts for another tenant', 'nobody acts for two firms'),
        ($$ SET LOCAL app.tenant_id = '';
            SELECT agents.finish_run(:b, :ab, 'w1', 1, 'succeeded') $$,
         'P0002 p_run_id: run ab is not there', 'what another firm has is not there'),
        ($$ SET LOCAL app.tenant_id = '';
            SELECT agents.finish_run(:b, :a1, 'w1', 1, 'failed') $$,
         'P0002 p_run_id: run a1 is not there', 'nor is its seal'),
        ($$ SET LOCAL app.tenant_id = '';
            SELECT agents.finish_run(NULL, :ab, 'w1', 1, 'succeeded') $$,
         '22004 tenant is null', 'somebody has to act')
) AS attempt (statement, answer, promise);
SELECT results_eq(
    $$ SELECT status, ended_at
       FROM agents.agent_run
       WHERE run_id = test_support.id('ab') $$,
    $$ VALUES ('running', NULL::timestamptz) $$,
    'who is refused ends nothing'
);
SELECT is(pg_temp.verdict('ab'), 'open the run has not ended', 'and seals nothing');

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

-- Subject: agents.finish_tool_call()    Docs: docs/schema/agents.md#finish-tool-call
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL timezone = 'UTC';
SELECT plan(49);

-- Shape ---------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT prosecdef, provolatile::text, proowner::regrole::text,
           array_to_string(proconfig, '; '), pg_get_function_result(oid)
       FROM pg_proc
       WHERE oid = 'agents.finish_tool_call'::regproc $$,
    $$ VALUES (
        false, 'v', 'muniment_owner',
        'search_path=pg_catalog, pg_temp; plan_cache_mode=force_generic_plan', 'text'
    ) $$,
    'it acts with the rights of its caller, whatever its search_path, and returns a status'
);

-- Behaviour -----------------------------------------------------------------

SET LOCAL ROLE muniment_app;
SELECT agents.start_run(
    p_firm_id => '00000000-0000-4000-8000-00000000000a',
    p_agent_name => 'MatterChatAgent',
    p_run_id => ('00000000-0000-4000-8000-0000000000' || run)::uuid,
    p_started_at => '2026-06-15 11:00+00',
    p_worker_id => 'w1'
)
FROM unnest(ARRAY['a1', 'a2']) AS run;
-- Nine calls run, one is requested, two wait for a person.
SELECT agents.request_tool_call(
    p_firm_id => '00000000-0000-4000-8000-00000000000a',
    p_run_id => '00000000-0000-4000-8000-0000000000a1',
    p_worker_id => 'w1',
    p_attempt_no => 1,
    p_tool_name => CASE WHEN n > 10 THEN 'send_email' ELSE 'get_matter' END,
    p_args => '{}',
    p_tool_call_id => ('ca110000-0000-4000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid,
    p_requested_at => '2026-06-15 12:00+00'
)
FROM generate_series(1, 12) AS n;
SELECT agents.begin_tool_call(
    '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'w1', 1,
    ('ca110000-0000-4000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid, '2026-06-15 12:00+00'
)
FROM generate_series(1, 9) AS n;

-- What the worker of the run says of a call; or the SQLSTATE with the message or rule.
CREATE FUNCTION pg_temp.finish(p_call integer, p_status text, p_given jsonb DEFAULT '{}')
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_rule text;
BEGIN
    RETURN agents.finish_tool_call(
        p_firm_id => (coalesce(p_given ->> 'firm', '00000000-0000-4000-8000-00000000000a'))::uuid,
        p_run_id =>
            ('00000000-0000-4000-8000-0000000000' || coalesce(p_given ->> 'run', 'a1'))::uuid,
        p_worker_id => coalesce(p_given ->> 'worker', 'w1'),
        p_attempt_no => coalesce(p_given ->> 'attempt_no', '1')::integer,
        p_tool_call_id =>
            ('ca110000-0000-4000-8000-0000000000' || lpad(p_call::text, 2, '0'))::uuid,
        p_requested_at => coalesce(p_given ->> 'requested_at', '2026-06-15 12:00+00')::timestamptz,
        p_status => p_status,
        p_result => p_given ->> 'result',
        p_error_type => p_given ->> 'error_type',
        p_error_message => p_given ->> 'error_message',
        p_is_error_retryable => (p_given ->> 'is_error_retryable')::boolean,
        p_external_ref => p_given ->> 'external_ref',
        p_cost_usd => (p_given ->> 'cost_usd')::numeric,
        p_child_run_id => (p_given ->> 'child_run_id')::uuid,
        p_ended_at => (p_given ->> 'ended_at')::timestamptz,
        p_result_s3_key => p_given ->> 's3_key',
        p_result_sha256 => (p_given ->> 'sha256')::bytea,
        p_result_bytes => (p_given ->> 'bytes')::bigint,
        p_result_preview => p_given ->> 'preview'
    );
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_rule = CONSTRAINT_NAME;
        RETURN concat_ws(' ', SQLSTATE, coalesce(nullif(v_rule, ''), SQLERRM));
END;
$$;

CREATE FUNCTION pg_temp.call(p_call integer)
RETURNS SETOF agents.tool_call
LANGUAGE sql
AS $$
    SELECT *
    FROM agents.tool_call
    WHERE tool_call_id =
        ('ca110000-0000-4000-8000-0000000000' || lpad(p_call::text, 2, '0'))::uuid
$$;

-- Nothing that is wrong ends a call.
SELECT is(pg_temp.finish(n, status, given), answer, promise)
FROM (
    VALUES
        (1, 'succeeded', '{"worker": "w2"}'::jsonb,
         'MU102 p_attempt_no: run 00000000-0000-4000-8000-0000000000a1 is at attempt 1 of another '
         'worker', 'another worker finishes nothing'),
        (1, 'succeeded', '{"attempt_no": "2"}',
         'MU102 p_attempt_no: run 00000000-0000-4000-8000-0000000000a1 is at attempt 1 of another '
         'worker', 'nor another attempt'),
        (1, 'succeeded', '{"firm": "00000000-0000-4000-8000-00000000000b"}',
         '42501 the transaction acts for another tenant', 'nor another firm'),
        (1, 'succeeded', '{"run": "a2"}',
         'P0002 p_tool_call_id: run 00000000-0000-4000-8000-0000000000a2 has no tool call '
         'ca110000-0000-4000-8000-000000000001', 'nor another run'),
        (1, 'succeeded', '{"requested_at": "2026-06-15T12:00:01Z"}',
         'P0002 p_tool_call_id: run 00000000-0000-4000-8000-0000000000a1 has no tool call '
         'ca110000-0000-4000-8000-000000000001', 'a call has its time'),
        (1, 'running', '{}', '22023 p_status: running is no outcome',
         'a call does not end running'),
        (1, 'denied', '{}', '22023 p_status: denied is no outcome', 'a worker denies nothing'),
        (1, NULL, '{}', '22023 p_status: NULL is no outcome', 'nothing is no outcome'),
        (1, 'failed', '{}', '23514 tool_call_failed_has_error_ck', 'what failed says with what'),
        (1, 'succeeded', '{"cost_usd": "-1"}', '23514 tool_call_cost_usd_ck',
         'a call does not cost less than nothing'),
        (1, 'succeeded', jsonb_build_object('result', repeat('a', 32769)),
         '23514 tool_call_result_inline_ck',
         'a result of more than 32,768 bytes goes to the shelf'),
        (1, 'succeeded', jsonb_build_object('result', 'r', 'sha256', sha256('another')),
         '23514 tool_call_result_inline_ck', 'a hash that is wrong is refused'),
        (1, 'succeeded', '{"child_run_id": "00000000-0000-4000-8000-0000000000a9"}',
         '23503 tool_call_child_run_fk', 'a run that is not there was not started'),
        (1, 'succeeded', '{"ended_at": "2026-06-15T12:00:00Z"}',
         'MU112 p_ended_at: 2026-06-15 12:00:00+00 lies before the call began, or in the future',
         'a call does not end before it began'),
        (1, 'succeeded', '{"ended_at": "infinity"}',
         'MU112 p_ended_at: infinity lies before the call began, or in the future',
         'nor at the end of time'),
        (1, 'unknown', '{"ended_at": "infinity"}',
         'MU112 p_ended_at: infinity lies before the call began, or in the future',
         'nor if it is in doubt'),
        (10, 'succeeded', '{}',
         'MU110 p_tool_call_id: tool call ca110000-0000-4000-8000-000000000010 is requested, not '
         'running', 'what has not begun does not succeed'),
        (10, 'unknown', '{}',
         'MU110 p_tool_call_id: tool call ca110000-0000-4000-8000-000000000010 is requested, not '
         'running', 'nor is it in doubt'),
        (10, 'cancelled', '{"result": "r"}',
         'MU103 tool call ca110000-0000-4000-8000-000000000010: other columns do not change on the '
         'way from requested to cancelled', 'nor has it a result'),
        (11, 'succeeded', '{}',
         'MU110 p_tool_call_id: tool call ca110000-0000-4000-8000-000000000011 is '
         'waiting_approval, not running', 'nor does what waits for a person')
) AS attempt (n, status, given, answer, promise);
SELECT is(
    pg_temp.finish(
        1, 'succeeded', jsonb_build_object('ended_at', clock_timestamp() + interval '6 minutes')
    ) ~ '^MU112 p_ended_at: .* lies before the call began, or in the future$',
    true,
    'a clock is not ahead by more than five minutes'
);
SELECT is((SELECT status FROM pg_temp.call(1)), 'running', 'the call runs on');

-- All outcomes.
SELECT is(pg_temp.finish(n, status, given), status, promise)
FROM (
    VALUES
        (1, 'succeeded', '{
            "result": "Grüße", "preview": "Gr", "external_ref": "message 1", "cost_usd": "0.5",
            "child_run_id": "00000000-0000-4000-8000-0000000000a2"
         }'::jsonb, 'a call succeeds'),
        (2, 'succeeded', jsonb_build_object(
            's3_key',
            'agents/00000000-0000-4000-8000-00000000000a/202606/'
            || '00000000-0000-4000-8000-0000000000a1/result/' || encode(sha256('body'), 'hex')
            || '.json',
            'sha256', sha256('body'), 'bytes', 40000
         ), 'its result may be on the shelf'),
        (3, 'succeeded', '{}', 'or there is none'),
        (4, 'failed', '{
            "error_type": "refused", "error_message": "Nobody is there.", "is_error_retryable": true
         }', 'a call fails'),
        (5, 'timed_out', '{"error_type": "timeout"}', 'or takes too long'),
        (6, 'cancelled', '{}', 'or is stopped'),
        (7, 'unknown', '{}', 'or nobody knows'),
        (8, 'unknown', '{"result": "r"}', 'though something came back'),
        (10, 'cancelled', '{}', 'what has not begun is cancelled')
) AS attempt (n, status, given, promise);
SELECT results_eq(
    $$ SELECT ended_at BETWEEN now() AND clock_timestamp(), result_storage, result_inline,
           result_sha256, result_bytes, result_preview, external_ref, cost_usd, child_run_id
       FROM pg_temp.call(1) $$,
    $$ VALUES (
        true, 'inline', 'Grüße', sha256(convert_to('Grüße', 'UTF8')), 7::bigint, 'Gr', 'message 1',
        0.5::numeric(18,9), '00000000-0000-4000-8000-0000000000a2'::uuid
    ) $$,
    'the outcome is on the books, and when'
);
SELECT results_eq(
    $$ SELECT result_storage, result_sha256, result_bytes FROM pg_temp.call(2) $$,
    $$ VALUES ('s3', sha256('body'), 40000::bigint) $$,
    'and what is on the shelf'
);
SELECT results_eq(
    $$ SELECT error_type, error_message, is_error_retryable FROM pg_temp.call(4) $$,
    $$ VALUES ('refused', 'Nobody is there.', true) $$,
    'and what went wrong'
);
SELECT results_eq(
    $$ SELECT (SELECT ended_at IS NULL FROM pg_temp.call(7)),
           (SELECT ended_at IS NULL FROM pg_temp.call(8)),
           (SELECT started_at IS NULL FROM pg_temp.call(10)) $$,
    $$ VALUES (true, false, true) $$,
    'nobody saw an end of what is in doubt, unless something came back'
);

-- Again.
SELECT is(pg_temp.finish(n, status, given), answer, promise)
FROM (
    VALUES
        (1, 'succeeded', '{"result": "Grüße"}'::jsonb, 'succeeded', 'the same outcome is the same'),
        (3, 'succeeded', '{}', 'succeeded', 'also without a result'),
        (1, 'succeeded', '{"result": "Hallo"}',
         'MU110 p_tool_call_id: tool call ca110000-0000-4000-8000-000000000001 is succeeded, not '
         'running', 'another result is refused'),
        (1, 'succeeded', '{}',
         'MU110 p_tool_call_id: tool call ca110000-0000-4000-8000-000000000001 is succeeded, not '
         'running', 'and none'),
        (1, 'cancelled', '{"result": "Grüße"}',
         'MU110 p_tool_call_id: tool call ca110000-0000-4000-8000-000000000001 is succeeded, not '
         'running', 'and another outcome')
) AS attempt (n, status, given, answer, promise);

-- The run waits as long as a call does.
SELECT is(
    pg_temp.finish(11, 'cancelled'), 'cancelled', 'what waits for a person can be withdrawn'
);
SELECT results_eq(
    $$ SELECT approval_status, approval_decided_by FROM pg_temp.call(11) $$,
    $$ VALUES ('expired', NULL) $$,
    'which nobody decided'
);
SELECT is(
    (SELECT status FROM agents.agent_run WHERE run_id = '00000000-0000-4000-8000-0000000000a1'),
    'waiting_approval',
    'the run waits for the other one'
);
-- The worker waited without a beat, and nobody took the run.
UPDATE agents.agent_run
SET heartbeat_at = now() - interval '3 minutes', lease_expires_at = now() - interval '1 minute'
WHERE run_id = '00000000-0000-4000-8000-0000000000a1';
SELECT is(
    pg_temp.finish(12, 'cancelled', '{"ended_at": "2026-06-15T12:00:00Z"}'),
    'cancelled',
    'until that is withdrawn too, as soon as it was asked for'
);
SELECT is(
    (SELECT status FROM agents.agent_run WHERE run_id = '00000000-0000-4000-8000-0000000000a1'),
    'running',
    'and goes on'
);
SELECT results_eq(
    $$ SELECT heartbeat_at >= now(), lease_expires_at - heartbeat_at
       FROM agents.agent_run
       WHERE run_id = '00000000-0000-4000-8000-0000000000a1' $$,
    $$ VALUES (true, interval '2 minutes') $$,
    'with as long a lease as before, or it would be taken for dead while it works'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agents.finish_tool_call'::regproc AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'runtimes may call it'
);
SET LOCAL ROLE muniment_reader;
SELECT is(
    pg_temp.finish(9, 'succeeded'),
    '42501 permission denied for function finish_tool_call',
    'a reader finishes nothing'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

-- Subject: agents.begin_tool_call()    Docs: docs/schema/agents.md#begin-tool-call
--
-- Many who begin at once are in tests/integration/test_tool_calls.py.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(37);

-- Shape ---------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT prosecdef, provolatile::text, proowner::regrole::text,
           array_to_string(proconfig, '; '), pg_get_function_result(oid)
       FROM pg_proc
       WHERE oid = 'agents.begin_tool_call'::regproc $$,
    $$ VALUES (
        false, 'v', 'muniment_owner',
        'search_path=pg_catalog, pg_temp; plan_cache_mode=force_generic_plan',
        'TABLE(action text, status text, result_storage text, result_inline text, '
        'result_s3_key text, result_sha256 bytea, result_bytes bigint)'
    ) $$,
    'it acts with the rights of its caller, whatever its search_path, and says what to do'
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
-- A call in each state: its number is that of the state.
CREATE FUNCTION pg_temp.request(p_call integer, p_tool_name text, p_expires_at timestamptz)
RETURNS text
LANGUAGE sql
AS $$
    SELECT status
    FROM agents.request_tool_call(
        p_firm_id => '00000000-0000-4000-8000-00000000000a',
        p_run_id => '00000000-0000-4000-8000-0000000000a1',
        p_worker_id => 'w1',
        p_attempt_no => 1,
        p_tool_name => p_tool_name,
        p_args => '{"to": ["client"]}',
        p_tool_call_id => ('ca110000-0000-4000-8000-00000000000' || p_call)::uuid,
        p_requested_at => '2026-06-15 12:00+00',
        p_approval_expires_at => p_expires_at
    )
$$;
SELECT pg_temp.request(n, tool, expires_at)
FROM (
    VALUES
        (1, 'get_matter', NULL::timestamptz),
        (2, 'send_email', NULL),
        (3, 'send_email', '2026-06-15 12:00:01+00'),
        (4, 'get_matter', NULL),
        (5, 'get_matter', NULL),
        (6, 'get_matter', NULL),
        (7, 'get_matter', NULL),
        (8, 'get_matter', NULL)
) AS asked (n, tool, expires_at);

-- What the worker of the run is told about a call; or the SQLSTATE and the message.
CREATE FUNCTION pg_temp.begin(p_call integer, p_given jsonb DEFAULT '{}')
RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN (
        SELECT concat_ws(
            ' ', action, status, result_storage, result_inline, result_s3_key,
            CASE WHEN result_sha256 = sha256(convert_to(result_inline, 'UTF8')) THEN 'proven' END,
            result_bytes
        )
        FROM agents.begin_tool_call(
            p_firm_id =>
                (coalesce(p_given ->> 'firm', '00000000-0000-4000-8000-00000000000a'))::uuid,
            p_run_id =>
                ('00000000-0000-4000-8000-0000000000' || coalesce(p_given ->> 'run', 'a1'))::uuid,
            p_worker_id => coalesce(p_given ->> 'worker', 'w1'),
            p_attempt_no => coalesce(p_given ->> 'attempt_no', '1')::integer,
            p_tool_call_id => ('ca110000-0000-4000-8000-00000000000' || p_call)::uuid,
            p_requested_at => coalesce(p_given ->> 'at', '2026-06-15 12:00+00')::timestamptz,
            p_args_sha256 => sha256(convert_to(p_given ->> 'args', 'UTF8'))
        )
    );
EXCEPTION
    WHEN OTHERS THEN
        RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END;
$$;

CREATE FUNCTION pg_temp.run_status()
RETURNS text
LANGUAGE sql
AS $$
    SELECT status FROM agents.agent_run WHERE run_id = '00000000-0000-4000-8000-0000000000a1'
$$;

CREATE FUNCTION pg_temp.decide(p_call integer, p_decision text)
RETURNS text
LANGUAGE sql
AS $$
    SELECT agents.decide_approval(
        '00000000-0000-4000-8000-00000000000a',
        ('ca110000-0000-4000-8000-00000000000' || p_call)::uuid,
        '2026-06-15 12:00+00', p_decision, 'U-1', sha256('{"to": ["client"]}')
    )
$$;

-- Who may begin, and what.
SELECT is(pg_temp.begin(n, given), answer, promise)
FROM (
    VALUES
        (1, '{"worker": "w2"}'::jsonb,
         'MU102 p_attempt_no: run 00000000-0000-4000-8000-0000000000a1 is at attempt 1 of another '
         'worker', 'another worker begins nothing'),
        (1, '{"attempt_no": 2}',
         'MU102 p_attempt_no: run 00000000-0000-4000-8000-0000000000a1 is at attempt 1 of another '
         'worker', 'nor another attempt'),
        (1, '{"firm": "00000000-0000-4000-8000-00000000000b"}',
         '42501 the transaction acts for another tenant', 'nor another firm'),
        (1, '{"run": "a9"}',
         'P0002 p_run_id: run 00000000-0000-4000-8000-0000000000a9 is not there', 'nor a run that is not there'),
        (1, '{"run": "a2"}',
         'P0002 p_tool_call_id: run 00000000-0000-4000-8000-0000000000a2 has no tool call '
         'ca110000-0000-4000-8000-000000000001', 'nor another run'),
        (9, '{}',
         'P0002 p_tool_call_id: run 00000000-0000-4000-8000-0000000000a1 has no tool call '
         'ca110000-0000-4000-8000-000000000009', 'a call that is not there is not begun'),
        (1, '{"at": "2026-06-15T12:00:01Z"}',
         'P0002 p_tool_call_id: run 00000000-0000-4000-8000-0000000000a1 has no tool call '
         'ca110000-0000-4000-8000-000000000001', 'nor one of another time'),
        (1, '{"args": "{\"to\": [\"everybody\"]}"}',
         'MU109 p_args_sha256: tool call ca110000-0000-4000-8000-000000000001 has other arguments',
         'nor with other arguments'),
        (2, '{}',
         'MU107 p_tool_call_id: tool call ca110000-0000-4000-8000-000000000002 waits for approval',
         'nor one that waits for a person')
) AS attempt (n, given, answer, promise);

-- Once.
SELECT is(
    pg_temp.begin(1, '{"args": "{\"to\": [\"client\"]}"}'),
    'run running',
    'what was requested is run, with the arguments that were requested'
);
SELECT results_eq(
    $$ SELECT status, started_at BETWEEN now() AND clock_timestamp()
       FROM agents.tool_call
       WHERE tool_call_id = 'ca110000-0000-4000-8000-000000000001' $$,
    $$ VALUES ('running', true) $$,
    'since now'
);
SELECT is(
    pg_temp.begin(1), 'unknown running', 'nobody else is told to run it, not even the same worker'
);

-- By what became of it.
SELECT is(pg_temp.begin(n), 'run running', format('call %s begins', n))
FROM unnest(ARRAY[4, 5, 6, 7]) AS n;
SELECT agents.finish_tool_call(
    p_firm_id => '00000000-0000-4000-8000-00000000000a',
    p_run_id => '00000000-0000-4000-8000-0000000000a1',
    p_worker_id => 'w1',
    p_attempt_no => 1,
    p_tool_call_id => ('ca110000-0000-4000-8000-00000000000' || n)::uuid,
    p_requested_at => '2026-06-15 12:00+00',
    p_status => outcome,
    p_result => result,
    p_error_type => CASE outcome WHEN 'failed' THEN 'refused' END,
    p_is_error_retryable => outcome = 'timed_out'
)
FROM (
    VALUES
        (4, 'succeeded', '{"title": "Grüße"}'), (5, 'failed', NULL), (6, 'timed_out', NULL),
        (7, 'unknown', NULL), (8, 'cancelled', NULL)
) AS ended (n, outcome, result);
SELECT is(pg_temp.begin(n), answer, promise)
FROM (
    VALUES
        (4, 'recorded succeeded inline {"title": "Grüße"} proven 20',
         'what succeeded gives its result and does not run again'),
        (5, 'recorded failed', 'what failed has failed'),
        (6, 'recorded timed_out', 'what timed out too: another try is another call'),
        (7, 'unknown unknown', 'what may have had its effect is not tried again'),
        (8, 'recorded cancelled', 'what was cancelled does not run')
) AS attempt (n, answer, promise);

-- The run waits as long as a call does.
SELECT is(pg_temp.run_status(), 'waiting_approval', 'two calls wait, and the run with them');
SELECT is(pg_temp.begin(3), 'denied cancelled', 'nobody answered in time');
SELECT results_eq(
    $$ SELECT status, approval_status, approval_decided_by,
           ended_at BETWEEN now() AND clock_timestamp()
       FROM agents.tool_call
       WHERE tool_call_id = 'ca110000-0000-4000-8000-000000000003' $$,
    $$ VALUES ('cancelled', 'expired', NULL, true) $$,
    'which is noted'
);
SELECT is(pg_temp.begin(3), 'denied cancelled', 'and stays so');
SELECT is(pg_temp.run_status(), 'waiting_approval', 'one call waits on');
SELECT is(pg_temp.decide(2, 'approved'), 'requested', 'a person approves it');
SELECT is(
    pg_temp.begin(2, '{"args": "{}"}'),
    'MU109 p_args_sha256: tool call ca110000-0000-4000-8000-000000000002 has other arguments',
    'what was not approved does not run'
);
-- The worker waited without a beat, and nobody took the run.
UPDATE agents.agent_run
SET heartbeat_at = now() - interval '3 minutes', lease_expires_at = now() - interval '1 minute'
WHERE run_id = '00000000-0000-4000-8000-0000000000a1';
SELECT is(pg_temp.begin(2), 'run running', 'what was approved does');
SELECT is(pg_temp.run_status(), 'running', 'and the run goes on');
SELECT results_eq(
    $$ SELECT heartbeat_at >= now(), lease_expires_at - heartbeat_at
       FROM agents.agent_run
       WHERE run_id = '00000000-0000-4000-8000-0000000000a1' $$,
    $$ VALUES (true, interval '2 minutes') $$,
    'with as long a lease as before, or it would be taken for dead while it works'
);
SELECT is(
    pg_temp.request(9, 'send_email', NULL) || ', ' || pg_temp.decide(9, 'denied'),
    'waiting_approval, denied',
    'another one is denied'
);
SELECT is(pg_temp.begin(9), 'denied denied', 'and is not run');
SELECT is(pg_temp.run_status(), 'running', 'but the run goes on');

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agents.begin_tool_call'::regproc AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'runtimes may call it'
);
SET LOCAL ROLE muniment_reader;
SELECT is(
    pg_temp.begin(1),
    '42501 permission denied for function begin_tool_call',
    'a reader begins nothing'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

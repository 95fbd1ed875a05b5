-- Subject: agents.decide_approval()    Docs: docs/schema/agents.md#decide-approval
--
-- Two who decide at once are in tests/integration/test_tool_calls.py.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(34);

-- Shape ---------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT prosecdef, provolatile::text, proowner::regrole::text,
           array_to_string(proconfig, '; '), pg_get_function_result(oid)
       FROM pg_proc
       WHERE oid = 'agents.decide_approval'::regproc $$,
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
    p_run_id => '00000000-0000-4000-8000-0000000000a1',
    p_started_at => '2026-06-15 11:00+00',
    p_worker_id => 'w1'
);
SELECT agents.request_tool_call(
    p_firm_id => '00000000-0000-4000-8000-00000000000a',
    p_run_id => '00000000-0000-4000-8000-0000000000a1',
    p_worker_id => 'w1',
    p_attempt_no => 1,
    p_tool_name => tool,
    p_args => '{"to": ["client"]}',
    p_tool_call_id => ('ca110000-0000-4000-8000-00000000000' || n)::uuid,
    p_requested_at => '2026-06-15 12:00+00',
    p_approval_expires_at => expires_at
)
FROM (
    VALUES
        (1, 'send_email', NULL::timestamptz),
        (2, 'send_email', clock_timestamp() + interval '1 day'),
        (3, 'send_email', '2026-06-15 12:00:01+00'),
        (4, 'send_email', NULL),
        (5, 'get_matter', NULL)
) AS asked (n, tool, expires_at);

-- What U-1 says to a call, if nothing else is given; or the SQLSTATE and the message.
CREATE FUNCTION pg_temp.decide(p_call integer, p_decision text, p_given jsonb DEFAULT '{}')
RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN agents.decide_approval(
        p_firm_id => (coalesce(p_given ->> 'firm', '00000000-0000-4000-8000-00000000000a'))::uuid,
        p_tool_call_id => ('ca110000-0000-4000-8000-00000000000' || p_call)::uuid,
        p_requested_at => coalesce(p_given ->> 'at', '2026-06-15 12:00+00')::timestamptz,
        p_decision => p_decision,
        p_decided_by => CASE WHEN p_given ? 'by' THEN p_given ->> 'by' ELSE 'U-1' END,
        p_args_sha256 => CASE
            WHEN p_given ? 'args' THEN sha256(convert_to(p_given ->> 'args', 'UTF8'))
            ELSE sha256('{"to": ["client"]}')
        END,
        p_reason => p_given ->> 'reason'
    );
EXCEPTION
    WHEN OTHERS THEN
        RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END;
$$;

CREATE FUNCTION pg_temp.call(p_call integer)
RETURNS TABLE (
    status text, approval_status text, decided_by text, is_decided_now boolean, reason text,
    is_hash_kept boolean, is_ended_now boolean
)
LANGUAGE sql
AS $$
    SELECT c.status, c.approval_status, c.approval_decided_by,
        c.approval_decided_at BETWEEN now() AND clock_timestamp(), c.approval_reason,
        c.approval_args_sha256 = c.args_sha256,
        c.ended_at BETWEEN now() AND clock_timestamp()
    FROM agents.tool_call AS c
    WHERE c.tool_call_id = ('ca110000-0000-4000-8000-00000000000' || p_call)::uuid
$$;

-- Nothing that is wrong decides.
SELECT is(pg_temp.decide(n, decision, given), answer, promise)
FROM (
    VALUES
        (1, 'approved', '{"args": "{\"to\": [\"everybody\"]}"}'::jsonb,
         'MU109 p_args_sha256: tool call ca110000-0000-4000-8000-000000000001 has other arguments',
         'who saw other arguments decides nothing'),
        (1, 'denied', '{"args": "{}"}',
         'MU109 p_args_sha256: tool call ca110000-0000-4000-8000-000000000001 has other arguments',
         'nor denies it'),
        (1, 'approved', '{"args": null}',
         'MU109 p_args_sha256: tool call ca110000-0000-4000-8000-000000000001 has other arguments',
         'nor who saw none'),
        (1, 'yes', '{}', '22023 p_decision: yes is neither approved nor denied',
         'there are two decisions'),
        (1, NULL, '{}', '22023 p_decision: NULL is neither approved nor denied',
         'and none is no decision'),
        (1, 'expired', '{}', '22023 p_decision: expired is neither approved nor denied',
         'nobody decides that it has expired'),
        (1, 'approved', '{"by": null}', '22004 p_decided_by: is null or empty',
         'nobody does not decide'),
        (1, 'approved', '{"by": ""}', '22004 p_decided_by: is null or empty',
         'nor does a name without letters'),
        (9, 'approved', '{}',
         'P0002 p_tool_call_id: tool call ca110000-0000-4000-8000-000000000009 is not there',
         'a call that is not there is not decided'),
        (1, 'approved', '{"at": "2026-06-15T12:00:01Z"}',
         'P0002 p_tool_call_id: tool call ca110000-0000-4000-8000-000000000001 is not there',
         'nor one of another time'),
        (1, 'approved', '{"firm": "00000000-0000-4000-8000-00000000000b"}',
         '42501 the transaction acts for another tenant', 'nor one of another firm'),
        (5, 'approved', '{}',
         'MU108 p_tool_call_id: approval of tool call ca110000-0000-4000-8000-000000000005 is '
         'not_required', 'nor one that needs no approval')
) AS attempt (n, decision, given, answer, promise);
SELECT results_eq(
    $$ SELECT status, approval_status FROM pg_temp.call(1) $$,
    $$ VALUES ('waiting_approval', 'pending') $$,
    'the call waits on'
);

-- Approved.
SELECT is(
    pg_temp.decide(1, 'approved', '{"reason": "as agreed"}'), 'requested', 'a person approves it'
);
SELECT results_eq(
    $$ SELECT * FROM pg_temp.call(1) $$,
    $$ VALUES (
        'requested', 'approved', 'U-1', true, 'as agreed', true, NULL::boolean
    ) $$,
    'who, when, why and of what is on the books'
);
SELECT is(
    (SELECT status FROM agents.agent_run),
    'waiting_approval',
    'the run waits until its worker begins'
);
SELECT is(pg_temp.decide(1, 'approved'), 'requested', 'the same again changes nothing');
SELECT is(
    (SELECT reason FROM pg_temp.call(1)), 'as agreed', 'nor why'
);
SELECT is(pg_temp.decide(n, decision, given), answer, promise)
FROM (
    VALUES
        (1, 'denied', '{}'::jsonb,
         'MU108 p_tool_call_id: approval of tool call ca110000-0000-4000-8000-000000000001 is '
         'approved', 'nobody takes it back'),
        (1, 'approved', '{"by": "U-2"}',
         'MU108 p_tool_call_id: approval of tool call ca110000-0000-4000-8000-000000000001 is '
         'approved', 'another person comes too late'),
        (1, 'approved', '{"args": "{}"}',
         'MU109 p_args_sha256: tool call ca110000-0000-4000-8000-000000000001 has other arguments',
         'and approves no other arguments')
) AS attempt (n, decision, given, answer, promise);

-- Denied.
SELECT is(pg_temp.decide(2, 'denied', '{"reason": "no"}'), 'denied', 'a person denies it in time');
SELECT results_eq(
    $$ SELECT * FROM pg_temp.call(2) $$,
    $$ VALUES ('denied', 'denied', 'U-1', true, 'no', true, true) $$,
    'and that is the end of it'
);
SELECT is(pg_temp.decide(2, 'denied'), 'denied', 'the same again changes nothing');
SELECT is(
    pg_temp.decide(2, 'approved'),
    'MU108 p_tool_call_id: approval of tool call ca110000-0000-4000-8000-000000000002 is denied',
    'a denial stands'
);

-- Too late.
SELECT is(pg_temp.decide(3, 'approved'), 'cancelled', 'who comes too late is told so');
SELECT results_eq(
    $$ SELECT * FROM pg_temp.call(3) $$,
    $$ VALUES (
        'cancelled', 'expired', NULL, NULL::boolean, NULL, NULL::boolean, true
    ) $$,
    'nobody has decided what expired'
);
SELECT is(pg_temp.decide(3, 'denied', '{"by": "U-2"}'), 'cancelled', 'so is the next');

-- Whatever became of it since.
SELECT is(pg_temp.decide(4, 'approved'), 'requested', 'another one is approved');
SELECT lives_ok(
    $$ SELECT agents.begin_tool_call(
        '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'w1', 1,
        'ca110000-0000-4000-8000-000000000004', '2026-06-15 12:00+00'
    ) $$,
    'and begins'
);
SELECT is(pg_temp.decide(4, 'approved'), 'running', 'who said so again hears where it stands');

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agents.decide_approval'::regproc AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'runtimes may call it'
);
SET LOCAL ROLE muniment_reader;
SELECT is(
    pg_temp.decide(4, 'approved'),
    '42501 permission denied for function decide_approval',
    'a reader decides nothing'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

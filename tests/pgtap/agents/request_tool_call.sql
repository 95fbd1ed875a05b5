-- Subject: agents.request_tool_call()    Docs: docs/schema/agents.md#request-tool-call
--
-- Many workers at once are in tests/integration/test_tool_calls.py.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL timezone = 'UTC';
SELECT plan(79);

-- Shape ---------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT prosecdef, provolatile::text, proowner::regrole::text,
           array_to_string(proconfig, '; '), pg_get_function_result(oid)
       FROM pg_proc
       WHERE oid = 'agents.request_tool_call'::regproc $$,
    $$ VALUES (
        false, 'v', 'muniment_owner',
        'search_path=pg_catalog, pg_temp; plan_cache_mode=force_generic_plan',
        'TABLE(tool_call_id uuid, requested_at timestamp with time zone, call_no integer, '
        'call_attempt_no integer, status text, approval_status text, args_sha256 bytea)'
    ) $$,
    'it acts with the rights of its caller, whatever its search_path, and returns the call'
);

-- Behaviour -----------------------------------------------------------------

SELECT agents.ensure_partitions(date_trunc('month', now() AT TIME ZONE 'UTC')::date, 2);

SET LOCAL ROLE muniment_app;
SELECT agents.start_run(
    p_firm_id => '00000000-0000-4000-8000-00000000000a',
    p_agent_name => 'MatterChatAgent',
    p_run_id => ('00000000-0000-4000-8000-0000000000' || run)::uuid,
    p_started_at => '2026-06-15 11:00+00',
    p_worker_id => worker
)
FROM (
    VALUES ('a1', 'w1'), ('a2', 'w1'), ('a3', NULL), ('a4', 'w1'), ('a5', 'w1')
) AS started (run, worker);

-- Asks for a tool, as the worker of the run a1 if nothing else is given.
CREATE FUNCTION pg_temp.request(p_tool_name text, p_given jsonb DEFAULT '{}')
RETURNS TABLE (
    tool_call_id uuid, requested_at timestamptz, call_no integer, call_attempt_no integer,
    status text, approval_status text, args_sha256 bytea
)
LANGUAGE sql
AS $$
    SELECT called.*
    FROM jsonb_to_record(p_given) AS given (
        firm text, run text, worker text, attempt_no integer, args text, version text, id text,
        at timestamptz, key text, provider_call_id text, turn_id uuid, span_id text,
        expires_at timestamptz, s3_key text, sha256 bytea, bytes bigint, preview text
    )
    CROSS JOIN LATERAL agents.request_tool_call(
        p_firm_id => (coalesce(given.firm, '00000000-0000-4000-8000-00000000000a'))::uuid,
        p_run_id => ('00000000-0000-4000-8000-0000000000' || coalesce(given.run, 'a1'))::uuid,
        p_worker_id => CASE WHEN p_given ? 'worker' THEN given.worker ELSE 'w1' END,
        p_attempt_no => coalesce(given.attempt_no, 1),
        p_tool_name => p_tool_name,
        p_args => CASE
            WHEN p_given ? 'args' THEN given.args
            WHEN NOT p_given ? 's3_key' THEN '{"to": ["client"]}'
        END,
        p_tool_version => given.version,
        p_tool_call_id => ('ca110000-0000-4000-8000-0000000000' || given.id)::uuid,
        p_requested_at => given.at,
        p_idempotency_key => given.key,
        p_provider_call_id => given.provider_call_id,
        p_turn_id => given.turn_id,
        p_span_id => given.span_id,
        p_approval_expires_at => given.expires_at,
        p_args_s3_key => given.s3_key,
        p_args_sha256 => given.sha256,
        p_args_bytes => given.bytes,
        p_args_preview => given.preview
    ) AS called
$$;

-- What becomes of a request: the SQLSTATE and the message, or accepted. Nothing of it stays.
CREATE FUNCTION pg_temp.fate_of(p_tool_name text, p_given jsonb)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_rule text;
BEGIN
    PERFORM pg_temp.request(p_tool_name, p_given);
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_rule = CONSTRAINT_NAME;
        RETURN concat_ws(' ', SQLSTATE, coalesce(nullif(v_rule, ''), SQLERRM));
END;
$$;

CREATE FUNCTION pg_temp.run_status(p_run text)
RETURNS text
LANGUAGE sql
AS $$
    SELECT r.status
    FROM agents.agent_run AS r
    WHERE r.run_id = ('00000000-0000-4000-8000-0000000000' || p_run)::uuid
$$;

SELECT results_eq(
    $$ SELECT call_no, call_attempt_no, status, approval_status, args_sha256
       FROM pg_temp.request(
           'get_matter',
           '{
               "id": "01", "at": "2026-06-15T12:00:00Z", "provider_call_id": "toolu_1",
               "turn_id": "70000000-0000-4000-8000-0000000000a1", "span_id": "0123456789abcdef",
               "preview": "to"
           }'
       ) $$,
    $$ VALUES (1, 1, 'requested', 'not_required', sha256('{"to": ["client"]}')) $$,
    'a call is requested, and its arguments are hashed'
);
SELECT results_eq(
    $$ SELECT tool_call_id, requested_at, run_id, run_started_at, turn_id, provider_call_id,
           c.tool_name, c.tool_version, c.definition_sha256 = t.definition_sha256, span_id,
           args_storage, args_inline, args_bytes, args_preview
       FROM agents.tool_call AS c
       JOIN agents.tool_registry AS t USING (tool_name, tool_version) $$,
    $$ VALUES (
        'ca110000-0000-4000-8000-000000000001'::uuid, '2026-06-15 12:00+00'::timestamptz,
        '00000000-0000-4000-8000-0000000000a1'::uuid, '2026-06-15 11:00+00'::timestamptz,
        '70000000-0000-4000-8000-0000000000a1'::uuid, 'toolu_1', 'get_matter', '1.0.0', true,
        '0123456789abcdef', 'inline', '{"to": ["client"]}', 18::bigint, 'to'
    ) $$,
    'it is on the books as it was asked for, with the definition in use'
);
SELECT results_eq(
    $$ SELECT call_no, requested_at BETWEEN now() AND clock_timestamp(),
           tool_call_id::text ~ '^.{14}7'
       FROM pg_temp.request('get_matter') $$,
    $$ VALUES (2, true, true) $$,
    'the next one has the next number, and the time and an id of the database'
);
SELECT results_eq(
    $$ SELECT call_no, args_sha256 FROM pg_temp.request('get_matter', '{"args": null}') $$,
    $$ VALUES (3, NULL::bytea) $$,
    'a call may have no arguments'
);
SELECT results_eq(
    format(
        $$ SELECT call_no, args_sha256 FROM pg_temp.request('get_matter', %L) $$,
        jsonb_build_object(
            's3_key',
            'agents/00000000-0000-4000-8000-00000000000a/202606/'
            || '00000000-0000-4000-8000-0000000000a1/args/' || encode(sha256('body'), 'hex')
            || '.json',
            'sha256', sha256('body')::text, 'bytes', 40000
        )
    ),
    $$ VALUES (4, sha256('body')) $$,
    'the arguments may be on the shelf'
);
SELECT results_eq(
    $$ SELECT call_no FROM pg_temp.request('get_matter', '{"run": "a2"}') $$,
    $$ VALUES (1) $$,
    'each run counts its own'
);
SELECT is(pg_temp.run_status('a1'), 'running', 'the run goes on');

-- Who may ask, when, and for what.
SELECT is(pg_temp.fate_of(tool, given), fate, promise)
FROM (
    VALUES
        ('make_coffee', '{}'::jsonb,
         'MU105 p_tool_name: tool make_coffee is not registered, or not active',
         'a tool that is not registered is not called'),
        ('get_matter', '{"version": "0.9.0"}',
         'MU105 p_tool_name: tool get_matter 0.9.0 is not registered, or not active',
         'nor another version'),
        (NULL, '{}', 'MU105 p_tool_name: tool NULL is not registered, or not active',
         'nor nothing'),
        ('get_matter', '{"version": "1.0.0"}', 'accepted', 'the version in use may be named'),
        ('get_matter', '{"worker": "w2"}',
         'MU102 p_attempt_no: run 00000000-0000-4000-8000-0000000000a1 is at attempt 1 of another '
         'worker', 'another worker does not ask'),
        ('get_matter', '{"attempt_no": 2}',
         'MU102 p_attempt_no: run 00000000-0000-4000-8000-0000000000a1 is at attempt 1 of another '
         'worker', 'nor another attempt'),
        ('get_matter', '{"worker": null}', '22004 p_worker_id: is null', 'nor nobody'),
        ('get_matter', '{"worker": null, "run": "a3"}', '22004 p_worker_id: is null',
         'a run that is queued asks for nothing'),
        ('get_matter', '{"run": "ff"}',
         'P0002 p_run_id: run 00000000-0000-4000-8000-0000000000ff is not there',
         'nor one that is not there'),
        ('get_matter', '{"firm": "00000000-0000-4000-8000-00000000000b"}',
         '42501 the transaction acts for another tenant', 'nor one of another firm'),
        ('get_matter', '{"at": "2026-06-15T11:00:00Z"}', 'accepted',
         'a call may be asked for as soon as the run starts'),
        ('get_matter', '{"at": "2026-06-15T10:59:59.999999Z"}',
         'MU112 p_requested_at: 2026-06-15 10:59:59.999999+00 lies before the run, or in the '
         'future',
         'but not sooner'),
        ('get_matter', jsonb_build_object('at', clock_timestamp() + interval '4 minutes'),
         'accepted', 'a clock may be fast'),
        ('get_matter', '{"at": "infinity"}',
         'MU112 p_requested_at: infinity lies before the run, or in the future',
         'a call is not asked for at the end of time'),
        ('get_matter', '{"at": "-infinity"}',
         'MU112 p_requested_at: -infinity lies before the run, or in the future',
         'nor before it began'),
        ('get_matter', jsonb_build_object('args', repeat('a', 32769)),
         '23514 tool_call_args_inline_ck', 'arguments of more than 32,768 bytes go to the shelf'),
        ('get_matter', jsonb_build_object('sha256', sha256('another')::text),
         '23514 tool_call_args_inline_ck', 'a hash that is wrong is refused'),
        ('get_matter', '{"bytes": 1}', '23514 tool_call_args_inline_ck', 'and a length'),
        ('get_matter', jsonb_build_object('args', NULL, 'sha256', sha256('a')::text),
         '23514 tool_call_args_place_ck', 'and a hash of nothing'),
        ('get_matter', '{"s3_key": "k"}', '23514 tool_call_args_place_ck', 'and a key alone'),
        ('get_matter', jsonb_build_object('key', repeat('k', 256)),
         '23514 tool_call_idempotency_key_ck', 'and a longer key'),
        ('get_matter', '{"span_id": "1"}', '23514 tool_call_span_id_ck', 'and a span that is none')
) AS attempt (tool, given, fate, promise);
SELECT is(
    pg_temp.fate_of(
        'get_matter', jsonb_build_object('at', clock_timestamp() + interval '6 minutes')
    ) ~ '^MU112 p_requested_at: .* lies before the run, or in the future$',
    true,
    'but not by more than five minutes'
);

-- A person must agree.
SELECT results_eq(
    $$ SELECT call_no, status, approval_status
       FROM pg_temp.request('send_email', '{"run": "a2", "expires_at": "2030-01-01T00:00:00Z"}') $$,
    $$ VALUES (2, 'waiting_approval', 'pending') $$,
    'what leaves the firm waits for a person'
);
SELECT is(pg_temp.run_status('a2'), 'waiting_approval', 'and so does the run');
SELECT is(
    (SELECT approval_expires_at FROM agents.tool_call WHERE status = 'waiting_approval'),
    '2030-01-01 00:00+00',
    'until then'
);
SELECT results_eq(
    $$ SELECT call_no, status, approval_status
       FROM pg_temp.request('get_matter', '{"run": "a2", "expires_at": "2030-01-01T00:00:00Z"}') $$,
    $$ VALUES (3, 'requested', 'not_required') $$,
    'a run that waits may ask for more'
);
SELECT is_empty(
    $$ SELECT FROM agents.tool_call
       WHERE status = 'requested' AND approval_expires_at IS NOT NULL $$,
    'what needs no approval does not wait until then'
);
SELECT is(pg_temp.fate_of(tool, given), fate, promise)
FROM (
    VALUES
        ('send_email', '{"args": null}'::jsonb,
         '22004 p_args: is null, and tool send_email needs an approval',
         'what is approved are arguments'),
        ('send_email', '{"args": "{}"}', 'accepted', 'which may be empty'),
        ('send_email',
         '{"at": "2026-06-15T12:00:00Z", "expires_at": "2026-06-15T12:00:00Z"}',
         'MU112 p_approval_expires_at: 2026-06-15 12:00:00+00 is not after the request',
         'a person has time to decide'),
        ('send_email', '{"expires_at": "infinity"}', '23514 tool_call_times_are_finite_ck',
         'but not for ever')
) AS attempt (tool, given, fate, promise);

-- Approves every call of a run that waits.
CREATE FUNCTION pg_temp.approve(p_run text)
RETURNS bigint
LANGUAGE sql
AS $$
    WITH approved AS (
        UPDATE agents.tool_call
        SET
            status = 'requested',
            approval_status = 'approved',
            approval_decided_by = 'U-1',
            approval_decided_at = '2026-06-15 12:01+00',
            approval_args_sha256 = args_sha256
        WHERE run_id = ('00000000-0000-4000-8000-0000000000' || p_run)::uuid
            AND status = 'waiting_approval'
        RETURNING 1
    )
    SELECT count(*) FROM approved
$$;
SELECT is(
    (pg_temp.request('add_task', '{"run": "a4"}')).status,
    'waiting_approval',
    'the first use of a tool waits'
);
SELECT is(
    (pg_temp.request('add_task', '{"run": "a4"}')).status,
    'waiting_approval',
    'and the second, as long as nobody approved the first'
);
SELECT is(pg_temp.approve('a4'), 2::bigint, 'a person approves both');
SELECT is(
    (pg_temp.request('add_task', '{"run": "a4"}')).status,
    'requested',
    'then the tool may be used in this run'
);
SELECT is(
    (pg_temp.request('send_email', '{"run": "a4"}')).status,
    'waiting_approval',
    'but no other one'
);
SELECT is(
    (pg_temp.request('add_task', '{"run": "a2"}')).status,
    'waiting_approval',
    'nor in another run'
);
SELECT is(pg_temp.approve('a4'), 1::bigint, 'who approves an e-mail');
SELECT is(
    (pg_temp.request('send_email', '{"run": "a4"}')).status,
    'waiting_approval',
    'did not approve the next one'
);
RESET ROLE;
UPDATE agents.tool_registry SET is_active = false WHERE tool_name IN ('add_task', 'list_deadlines');
INSERT INTO agents.tool_registry (
    tool_name, tool_version, description, input_schema, side_effect, replay, approval, is_active
)
VALUES ('add_task', '1.1.0', 'Add a task anywhere.', '{}', 'write', 'with_key', 'first_use', true);
SET LOCAL ROLE muniment_app;
SELECT is(
    (pg_temp.request('add_task', '{"run": "a4"}')).status,
    'waiting_approval',
    'another version is another tool'
);
SELECT is(
    pg_temp.fate_of('list_deadlines', '{}'),
    'MU105 p_tool_name: tool list_deadlines is not registered, or not active',
    'a tool that was taken out of use is not called'
);

-- The same key again, by the state of the call that is there.
INSERT INTO agents.tool_call (
    firm_id, tool_call_id, requested_at, run_id, run_started_at, call_no, tool_name, tool_version,
    definition_sha256, idempotency_key, status, started_at, ended_at, error_type,
    is_error_retryable, approval_status, approval_decided_by, approval_decided_at, args_storage,
    args_inline, args_sha256, args_bytes
)
SELECT
    '00000000-0000-4000-8000-00000000000a',
    ('ca110000-0000-4000-8000-0000000001' || lpad(n::text, 2, '0'))::uuid,
    '2026-06-15 12:00+00',
    '00000000-0000-4000-8000-0000000000a5',
    '2026-06-15 11:00+00',
    n,
    tool_name,
    tool_version,
    definition_sha256,
    'key ' || n,
    status,
    CASE WHEN status NOT IN ('requested', 'waiting_approval', 'denied') THEN requested END,
    CASE
        WHEN status NOT IN ('requested', 'waiting_approval', 'running', 'unknown') THEN requested
    END,
    CASE WHEN status = 'failed' THEN 'refused' END,
    is_retryable,
    CASE status
        WHEN 'waiting_approval' THEN 'pending'
        WHEN 'denied' THEN 'denied'
        ELSE 'not_required'
    END,
    CASE WHEN status = 'denied' THEN 'U-1' END,
    CASE WHEN status = 'denied' THEN requested END,
    'inline',
    '{"to": ["client"]}',
    sha256('{"to": ["client"]}'),
    18
FROM (
    VALUES
        (1, 'get_matter', 'requested', NULL::boolean),
        (2, 'send_email', 'waiting_approval', NULL),
        (3, 'get_matter', 'running', NULL),
        (4, 'get_matter', 'succeeded', NULL),
        (5, 'send_email', 'denied', NULL),
        (6, 'get_matter', 'cancelled', NULL),
        (7, 'get_matter', 'failed', false),
        (8, 'get_matter', 'failed', NULL),
        (9, 'get_matter', 'failed', true),
        (10, 'get_matter', 'timed_out', NULL),
        (11, 'get_matter', 'timed_out', true),
        (12, 'send_email', 'unknown', true),
        (13, 'get_matter', 'unknown', NULL),
        (14, 'save_draft', 'unknown', NULL),
        (15, 'send_email', 'failed', true)
) AS made (n, tool_name, status, is_retryable)
CROSS JOIN (VALUES ('2026-06-15 12:00+00'::timestamptz)) AS clock (requested)
JOIN agents.tool_registry USING (tool_name)
WHERE is_active;

SELECT results_eq(
    format(
        $$ SELECT call_no, call_attempt_no, status, tool_call_id::text ~ '0000000001\d\d$'
           FROM pg_temp.request(%L, %L) $$,
        tool,
        jsonb_build_object('run', 'a5', 'key', 'key ' || n)
    ),
    format('VALUES (%s, %s, %L, %L::boolean)', n, attempt_no, status, attempt_no = 1),
    promise
)
FROM (
    VALUES
        (1, 'get_matter', 1, 'requested', 'what is requested is requested once'),
        (2, 'send_email', 1, 'waiting_approval', 'a person is asked once'),
        (3, 'get_matter', 1, 'running', 'what runs is the call'),
        (4, 'get_matter', 1, 'succeeded', 'what succeeded is the call'),
        (5, 'send_email', 1, 'denied', 'what was denied is not asked for again'),
        (6, 'get_matter', 1, 'cancelled', 'what was cancelled stays cancelled'),
        (7, 'get_matter', 1, 'failed', 'what failed for good stays failed'),
        (8, 'get_matter', 1, 'failed', 'and what failed nobody knows how'),
        (9, 'get_matter', 2, 'requested', 'what may work the next time is tried again'),
        (10, 'get_matter', 1, 'timed_out', 'what timed out stays so'),
        (11, 'get_matter', 2, 'requested', 'unless it may work the next time'),
        (12, 'send_email', 1, 'unknown', 'an e-mail that may have gone out does not go out again'),
        (13, 'get_matter', 2, 'requested', 'what does no harm is done again'),
        (14, 'save_draft', 2, 'requested', 'and what knows its key'),
        (15, 'send_email', 2, 'waiting_approval', 'who tries again asks again')
) AS attempt (n, tool, attempt_no, status, promise);
SELECT results_eq(
    $$ SELECT call_no, call_attempt_no
       FROM pg_temp.request('get_matter', '{"run": "a5", "key": "key 9"}') $$,
    $$ VALUES (9, 2) $$,
    'the latest attempt counts'
);
SELECT is(
    (SELECT count(*) FROM agents.tool_call WHERE idempotency_key = 'key 9'),
    2::bigint,
    'and is not made again'
);
SELECT results_eq(
    $$ SELECT call_no, call_attempt_no
       FROM pg_temp.request('get_matter', '{"run": "a5", "key": "key 16"}') $$,
    $$ VALUES (16, 1) $$,
    'another key is another call'
);
SELECT results_eq(
    $$ SELECT call_no, call_attempt_no, args_sha256
       FROM pg_temp.request('get_matter', '{"run": "a1", "key": "key 4"}') $$,
    $$ VALUES (5, 1, sha256('{"to": ["client"]}')) $$,
    'and so is the same key in another run'
);
SELECT results_eq(
    $$ SELECT call_no, tool_call_id, requested_at, args_sha256
       FROM pg_temp.request(
           'get_matter', '{"id": "01", "at": "2026-06-15T12:00:00Z"}'
       ) $$,
    $$ VALUES (
        1, 'ca110000-0000-4000-8000-000000000001'::uuid, '2026-06-15 12:00+00'::timestamptz,
        sha256('{"to": ["client"]}')
    ) $$,
    'the same id is the same call, with or without a key'
);
SELECT is(pg_temp.fate_of(tool, given), fate, promise)
FROM (
    VALUES
        ('get_matter', '{"run": "a5", "key": "key 4", "args": "{}"}'::jsonb,
         'MU106 p_idempotency_key: tool call ca110000-0000-4000-8000-000000000104 is for another '
         'tool or other arguments', 'a key does not stand for other arguments'),
        ('get_matter', '{"run": "a5", "key": "key 4", "args": null}',
         'MU106 p_idempotency_key: tool call ca110000-0000-4000-8000-000000000104 is for another '
         'tool or other arguments', 'nor for none'),
        ('read_document', '{"run": "a5", "key": "key 4"}',
         'MU106 p_idempotency_key: tool call ca110000-0000-4000-8000-000000000104 is for another '
         'tool or other arguments', 'nor for another tool'),
        ('get_matter', '{"id": "01", "args": "{}"}',
         'MU106 p_tool_call_id: tool call ca110000-0000-4000-8000-000000000001 is for another '
         'tool or other arguments', 'nor does an id'),
        ('get_matter', '{"id": "01", "key": "key 1"}',
         'MU106 p_tool_call_id: tool call ca110000-0000-4000-8000-000000000001 is for another '
         'tool or other arguments', 'an id does not get another key'),
        ('get_matter', '{"run": "a2", "id": "01"}',
         'MU106 p_tool_call_id: tool call ca110000-0000-4000-8000-000000000001 is for another '
         'tool or other arguments', 'nor another run')
) AS attempt (tool, given, fate, promise);

RESET ROLE;
UPDATE agents.tool_registry SET is_active = false WHERE tool_name = 'get_matter';
SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT call_no, status
       FROM pg_temp.request('get_matter', '{"run": "a5", "key": "key 4"}') $$,
    $$ VALUES (4, 'succeeded') $$,
    'what was recorded is found when its tool is out of use'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agents.request_tool_call'::regproc AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'runtimes may call it'
);
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT pg_temp.request('get_matter') $$,
    '42501',
    'permission denied for function request_tool_call',
    'a reader asks for nothing'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

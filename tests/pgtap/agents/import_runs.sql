-- Subject: agents.import_runs()    Docs: docs/schema/agents.md#import-runs
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(38);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.import_runs' $$,
    $$ VALUES (
        'p_firm_id uuid, p_runs json, p_turns json, p_tool_calls json',
        'SETOF uuid',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_app'
    ) $$,
    'agents import, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agents.tool_registry (
    tool_name, tool_version, description, input_schema, side_effect, replay, approval
)
VALUES ('look', 'imported', 'Seen in a transcript.', '{}', 'unknown', 'never', 'always');

-- A document of the import: p_changes are of the one run, turn and call that it has.
CREATE FUNCTION pg_temp.runs(p_no integer, p_changes jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE sql
AS $$
    SELECT jsonb_build_object(
        'run_id', test_support.id('a' || p_no), 'idempotency_key', 'record ' || p_no,
        'session_id', test_support.id('b' || p_no), 'agent_name', 'clerk', 'status', 'succeeded',
        'started_at', '2026-06-15T12:00:00Z', 'ended_at', '2026-06-15T12:05:00Z',
        'turn_count', 2, 'last_turn_at', '2026-06-15T12:04:00Z', 'metadata', jsonb_build_object()
    ) || p_changes
$$;
CREATE FUNCTION pg_temp.turns(p_no integer, p_changes jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE sql
AS $$
    SELECT jsonb_build_object(
        'turn_id', test_support.id('c' || p_no), 'created_at', '2026-06-15T12:01:00Z',
        'session_id', test_support.id('b' || p_no), 'turn_no', 1,
        'run_id', test_support.id('a' || p_no), 'run_started_at', '2026-06-15T12:00:00Z',
        'role', 'user', 'content_format', 'text', 'content_storage', 'inline',
        'content_inline', 'Grüße', 'content_sha256', sha256(convert_to('Grüße', 'UTF8')),
        'content_bytes', 7, 'metadata', jsonb_build_object()
    ) || p_changes
$$;
CREATE FUNCTION pg_temp.calls(p_no integer, p_changes jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE sql
AS $$
    SELECT jsonb_build_object(
        'tool_call_id', test_support.id('d' || p_no), 'requested_at', '2026-06-15T12:02:00Z',
        'run_id', test_support.id('a' || p_no), 'run_started_at', '2026-06-15T12:00:00Z',
        'turn_id', test_support.id('c' || p_no), 'call_no', 1, 'provider_call_id', 'call_1',
        'tool_name', 'look', 'status', 'succeeded', 'ended_at', '2026-06-15T12:03:00Z',
        'args_storage', 'inline', 'args_inline', '{}', 'args_sha256', sha256('{}'),
        'args_bytes', 2
    ) || p_changes
$$;
CREATE FUNCTION pg_temp.import(p_runs jsonb, p_turns jsonb, p_calls jsonb)
RETURNS SETOF uuid
LANGUAGE sql
AS $$
    SELECT agents.import_runs(test_support.id('a'), p_runs::json, p_turns::json, p_calls::json)
$$;

SET LOCAL ROLE muniment_app;
-- Two turns and a call with all that can be said of them; and a run of which nothing is known.
SELECT set_eq(
    $$ SELECT pg_temp.import(
           jsonb_build_array(
               pg_temp.runs(1, '{
                   "subject_type": "matter", "subject_id": "M-1", "provider_name": "acme",
                   "request_model": "m", "response_model": "m-1", "finish_reason": "stop",
                   "input_tokens": 10, "output_tokens": 5, "cache_read_tokens": 4,
                   "cache_write_tokens": 3, "reasoning_tokens": 2, "metadata": {"a": 1}
               }'),
               pg_temp.runs(2, '{"turn_count": 0, "last_turn_at": null}')
           ),
           jsonb_build_array(
               pg_temp.turns(1, '{"author_id": "U-1"}'),
               pg_temp.turns(1, jsonb_build_object(
                   'turn_id', test_support.id('c9'), 'turn_no', 2, 'role', 'assistant',
                   'created_at', '2026-06-15T12:04:00Z', 'response_id', 'r-1',
                   'response_model', 'm-1', 'finish_reason', 'stop', 'input_tokens', 10,
                   'output_tokens', 5, 'cache_read_tokens', 4, 'cache_write_tokens', 3,
                   'reasoning_tokens', 2, 'content_storage', 's3', 'content_inline', NULL,
                   'content_bytes', 100000, 'content_preview', 'Grü',
                   'metadata', '{"b": 2}'::jsonb,
                   'content_s3_key', format(
                       'agents/%s/202606/%s/content/%s.json', test_support.id('a'),
                       test_support.id('a1'), encode(sha256(convert_to('Grüße', 'UTF8')), 'hex')
                   )
               ))
           ),
           jsonb_build_array(pg_temp.calls(1, '{
               "result_storage": "inline", "result_inline": "", "result_bytes": 0,
               "result_preview": "p", "args_preview": "q"
           }' || jsonb_build_object('result_sha256', sha256(''))))
       ) $$,
    $$ VALUES (test_support.id('a1')), (test_support.id('a2')) $$,
    'runs that are new are imported, and returned'
);
SELECT results_eq(
    $$ SELECT
           k.idempotency_key, k.request_sha256, r.session_id, r.root_run_id, r.depth, r.operation,
           r.agent_name, r.subject_type, r.subject_id, r.provider_name, r.request_model,
           r.response_model, r.status, r.attempt_no, r.worker_id, r.ended_at, r.finish_reason,
           r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens,
           r.reasoning_tokens, r.cost_usd, r.metadata
       FROM agents.agent_run AS r
       INNER JOIN agents.agent_run_key AS k USING (firm_id, run_id, started_at)
       WHERE r.run_id = test_support.id('a1') AND r.started_at = '2026-06-15 12:00:00+00' $$,
    $$ VALUES (
           'record 1', NULL::bytea, test_support.id('b1'), test_support.id('a1'), 0::smallint,
           'invoke_agent', 'clerk', 'matter', 'M-1', 'acme', 'm', 'm-1', 'succeeded', 1, NULL,
           '2026-06-15 12:05:00+00'::timestamptz, 'stop', 10::bigint, 5::bigint, 4::bigint,
           3::bigint, 2::bigint, NULL::numeric, '{"a": 1}'::jsonb
       ) $$,
    'a run is as the transcript has it'
);
SELECT results_eq(
    $$ SELECT
           subject_type, subject_id, channel, status, last_turn_no, last_turn_at, created_at,
           closed_at, idempotency_key
       FROM agents.chat_session
       ORDER BY session_id $$,
    $$ VALUES
        ('matter', 'M-1', 'import', 'closed', 2, '2026-06-15 12:04:00+00'::timestamptz,
         '2026-06-15 12:00:00+00'::timestamptz, '2026-06-15 12:05:00+00'::timestamptz, 'record 1'),
        (NULL, NULL, 'import', 'closed', 0, NULL, '2026-06-15 12:00:00+00',
         '2026-06-15 12:05:00+00', 'record 2') $$,
    'each has a conversation, to which nothing can be added'
);
SELECT results_eq(
    $$ SELECT
           turn_no, role, author_id, response_id, finish_reason, input_tokens, reasoning_tokens,
           content_storage, content_inline, content_s3_key IS NOT NULL,
           content_sha256 = sha256(convert_to('Grüße', 'UTF8')), content_bytes, content_preview,
           metadata, created_at, run_id
       FROM agents.chat_turn
       ORDER BY turn_no $$,
    $$ VALUES
        (1, 'user', 'U-1', NULL, NULL, NULL::bigint, NULL::bigint, 'inline', 'Grüße', false, true,
         7::bigint, NULL, '{}'::jsonb, '2026-06-15 12:01:00+00'::timestamptz,
         test_support.id('a1')),
        (2, 'assistant', NULL, 'r-1', 'stop', 10, 2, 's3', NULL, true, true, 100000, 'Grü',
         '{"b": 2}', '2026-06-15 12:04:00+00', test_support.id('a1')) $$,
    'so are its turns, wherever their bodies are'
);
SELECT results_eq(
    $$ SELECT
           c.run_id, c.turn_id, c.call_no, c.attempt_no, c.provider_call_id, c.tool_version,
           c.definition_sha256 = t.definition_sha256, c.status, c.approval_status, c.requested_at,
           c.started_at, c.ended_at, c.args_inline, c.args_preview, c.result_inline,
           c.result_preview
       FROM agents.tool_call AS c
       INNER JOIN agents.tool_registry AS t USING (tool_name, tool_version) $$,
    $$ VALUES (
           test_support.id('a1'), test_support.id('c1'), 1, 1, 'call_1', 'imported', true,
           'succeeded', 'not_recorded', '2026-06-15 12:02:00+00'::timestamptz, NULL::timestamptz,
           '2026-06-15 12:03:00+00'::timestamptz, '{}', 'q', '', 'p'
       ) $$,
    'and its calls, of a tool of which only the name is known'
);
SELECT results_eq(
    $$ SELECT s.run_id, s.row_count, v.verdict
       FROM agents.run_seal AS s
       CROSS JOIN LATERAL agents.verify_seal(s.firm_id, s.run_id) AS v
       ORDER BY s.run_id $$,
    $$ VALUES
        (test_support.id('a1'), 6, 'holds'), (test_support.id('a2'), 3, 'holds') $$,
    'each is under a seal'
);
SELECT is_empty(
    $$ SELECT * FROM agents.verify_chain(test_support.id('a')) WHERE verdict <> 'holds' $$,
    'which is linked with the others'
);

-- What is here already.
SELECT results_eq(
    $$ SELECT pg_temp.import(
           jsonb_build_array(
               pg_temp.runs(3, '{"idempotency_key": "record 1"}'), pg_temp.runs(4),
               pg_temp.runs(4, jsonb_build_object('run_id', test_support.id('a5')))
           ),
           jsonb_build_array(pg_temp.turns(3), pg_temp.turns(4)),
           jsonb_build_array(pg_temp.calls(3), pg_temp.calls(4))
       ) $$,
    $$ VALUES (test_support.id('a4')) $$,
    'a key that the firm has already is passed over, of this import or another'
);
SELECT results_eq(
    $$ SELECT right(row.id::text, 2)
       FROM (
           SELECT session_id AS id FROM agents.chat_session
           UNION ALL
           SELECT turn_id FROM agents.chat_turn
           UNION ALL
           SELECT tool_call_id FROM agents.tool_call
           UNION ALL
           SELECT run_id FROM agents.agent_run_key
           UNION ALL
           SELECT run_id FROM agents.agent_run
       ) AS row
       WHERE right(row.id::text, 1) IN ('3', '4', '5')
       ORDER BY 1 $$,
    $$ VALUES ('a4'), ('a4'), ('b4'), ('c4'), ('d4') $$,
    'with all that hangs on it'
);
SELECT is_empty(
    $$ SELECT pg_temp.import(jsonb_build_array(pg_temp.runs(4)), '[]', '[]') $$,
    'an import that runs again imports nothing'
);
SELECT is_empty($$ SELECT pg_temp.import('[]', '[]', '[]') $$, 'nor does an empty one');
SELECT is_empty($$ SELECT pg_temp.import(NULL, NULL, NULL) $$, 'nor does none');
SELECT is(
    (SELECT count(*) FROM agents.run_seal), 3::bigint, 'and nothing is sealed twice'
);

-- In each case one of the documents of a sixth run is bad. The name of a month is left out.
SELECT is(
    regexp_replace(
        test_support.answer_to(
            format(
                'SELECT pg_temp.import(
                     jsonb_build_array(pg_temp.runs(6, %L)),
                     jsonb_build_array(pg_temp.turns(6, %L)),
                     jsonb_build_array(pg_temp.calls(6, %L))
                 )',
                coalesce(run, '{}'), coalesce(turn, '{}'), coalesce(call, '{}')
            )
        ),
        '_p\d{6}', ''
    ),
    answer,
    promise
)
FROM (
    VALUES
        (NULL, NULL, NULL, 'accepted', 'the documents are good'),
        ('{"ended_at": "yesterdays"}', NULL, NULL,
         '22007 invalid input syntax for type timestamp with time zone: "yesterdays"',
         'a time is one'),
        (NULL, '{"turn_no": "first"}', NULL,
         '22P02 invalid input syntax for type integer: "first"', 'a number is one'),
        (NULL, NULL, '{"tool_call_id": "x"}',
         '22P02 invalid input syntax for type uuid: "x"', 'an id is one'),
        ('{"agent_name": null}', NULL, NULL,
         '23502 null value in column "agent_name" of relation "agent_run" violates not-null '
         'constraint', 'a run has an agent'),
        (NULL, '{"role": null}', NULL,
         '23502 null value in column "role" of relation "chat_turn" violates not-null constraint',
         'a turn has a role'),
        (NULL, NULL, '{"tool_name": "unheard of"}',
         '23502 null value in column "definition_sha256" of relation "tool_call" violates '
         'not-null constraint', 'a tool is registered first'),
        (NULL, '{"session_id": "00000000-0000-4000-8000-0000000000b9"}', NULL,
         '23503 insert or update on table "chat_turn" violates foreign key constraint '
         '"chat_turn_session_fk"', 'a turn is of a conversation'),
        ('{"session_id": "00000000-0000-4000-8000-0000000000b1"}', NULL, NULL,
         '23505 duplicate key value violates unique constraint "chat_session_pk"',
         'a conversation is of one import'),
        ('{"status": "done"}', NULL, NULL,
         '23514 new row for relation "agent_run" violates check constraint "agent_run_status_ck"',
         'a run ends in one of the ways there are'),
        ('{"status": "queued", "ended_at": null}', NULL, NULL,
         '23514 new row for relation "chat_session" violates check constraint '
         '"chat_session_closed_when_not_open_ck"', 'and has ended'),
        (NULL, '{"content_inline": "else"}', NULL,
         '23514 new row for relation "chat_turn" violates check constraint '
         '"chat_turn_content_inline_ck"', 'a text is what its hash says'),
        (NULL, NULL, '{"args_bytes": 3}',
         '23514 new row for relation "tool_call" violates check constraint '
         '"tool_call_args_inline_ck"', 'and as long'),
        (NULL, NULL,
         '{"status": "requested", "started_at": null, "ended_at": null, "result_storage": null,
           "result_inline": null, "result_sha256": null, "result_bytes": null}',
         'MU115 p_run_ids: call 1 of run a6 is open', 'a call has ended, too'),
        ('{"started_at": "1999-06-15T12:00:00Z"}', NULL, NULL,
         '23514 no partition of relation "agent_run" found for row', 'a month has a partition')
) AS attempt (run, turn, call, answer, promise);
SELECT is(
    test_support.answer_to(
        format(
            'SELECT agents.import_runs(%s)',
            replace(arguments, 'GOOD', $$ json_build_array(pg_temp.runs(6)) $$)
        )
    ),
    answer,
    promise
)
FROM (
    VALUES
        (':a, GOOD, ''[]'', ''[]''', 'accepted', 'a list is one'),
        (':a, ''{}'', ''[]'', ''[]''',
         '22023 cannot call json_to_recordset on an object', 'an object is no list'),
        (':a, GOOD, ''1'', ''[]''',
         '22023 cannot call json_to_recordset on a scalar', 'nor is a number'),
        (':a, GOOD, ''[]'', ''[1]''',
         '22023 argument of json_to_recordset must be an array of objects',
         'nor is a list of numbers one of objects'),
        (':b, GOOD, ''[]'', ''[]''', '42501 the transaction acts for another tenant',
         'nobody acts for two firms'),
        ('NULL, GOOD, ''[]'', ''[]''', '42501 the transaction acts for another tenant',
         'nor for one and for nobody')
) AS attempt (arguments, answer, promise);
SELECT is(
    test_support.answer_to(
        $$ SET LOCAL app.tenant_id = ''; SELECT agents.import_runs(NULL, '[]', '[]', '[]') $$
    ),
    '22004 tenant is null',
    'somebody has to act'
);
SELECT is(
    test_support.answer_to(
        $$ SET LOCAL app.tenant_id = '';
           SELECT agents.import_runs(:b, json_build_array(pg_temp.runs(1)), '[]', '[]') $$
    ),
    'accepted',
    'another firm may have the same records, under the same ids'
);
SELECT is(
    (SELECT count(*) FROM agents.agent_run_key WHERE idempotency_key = 'record 6'),
    0::bigint,
    'what is refused leaves nothing'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

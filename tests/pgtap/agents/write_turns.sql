-- Subject: agents.write_turns()    Docs: docs/schema/agents.md#write-turns
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(20);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.write_turns' $$,
    $$ VALUES (
        'p_firm_id uuid, p_session_id uuid, p_turns jsonb, p_run_id uuid, p_run_started_at '
        'timestamp with time zone, p_now timestamp with time zone',
        'SETOF agents.chat_turn',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app'
    ) $$,
    'for what appends turns: it numbers and writes them, with the rights of the agent'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SET LOCAL ROLE muniment_app;
SELECT agents.open_session(test_support.id('a'), test_support.id('a5'));
SELECT agents.open_session(test_support.id('a'), test_support.id('a6'));
SELECT agents.close_session(test_support.id('a'), test_support.id('a6'));
SELECT run_id, started_at
FROM agents.start_run(
    test_support.id('a'), 'clerk', p_run_id => test_support.id('a1'),
    p_started_at => now() - interval '1 minute'
);

SELECT results_eq(
    $$ SELECT turn_no, role, status, content_format, content_storage, created_at = now(), metadata
       FROM agents.write_turns(
           test_support.id('a'), test_support.id('a5'),
           '[{"role": "user", "content": "Grüße"}, {"role": "assistant"}]', NULL, NULL, now()
       ) $$,
    $$ VALUES
        (1, 'user', 'complete', 'text', 'inline', true, '{}'::jsonb),
        (2, 'assistant', 'complete', 'text', NULL, true, '{}') $$,
    'turns are numbered in their order from 1, and have the time that is given'
);
SELECT results_eq(
    $$ SELECT content_inline, content_sha256, content_bytes
       FROM agents.chat_turn
       WHERE turn_no = 1 $$,
    $$ VALUES ('Grüße', sha256(convert_to('Grüße', 'UTF8')), 7::bigint) $$,
    'hash and length of a text are computed'
);
SELECT results_eq(
    $$ SELECT last_turn_no, last_turn_at = now()
       FROM agents.chat_session
       WHERE session_id = test_support.id('a5') $$,
    $$ VALUES (2, true) $$,
    'the session has counted them'
);

-- Every key there is, below a run; and a body on the shelf.
SELECT agents.write_turns(
    test_support.id('a'),
    test_support.id('a5'),
    jsonb_build_array(
        jsonb_build_object(
            'turn_id', test_support.id('a7'), 'created_at', now() - interval '30 seconds',
            'role', 'assistant', 'author_id', 'U-1', 'status', 'partial', 'response_id', 'r-1',
            'response_model', 'm-1', 'finish_reason', 'length', 'latency_ms', 12,
            'input_tokens', 10, 'output_tokens', 5, 'cache_read_tokens', 4,
            'cache_write_tokens', 3, 'reasoning_tokens', 2, 'cost_usd', 0.000000001,
            'content_format', 'parts', 'metadata', '{"a": 1}'::jsonb,
            'content_s3_key', format(
                'agents/%s/%s/%s/content/%s.json', test_support.id('a'),
                to_char((now() - interval '1 minute') AT TIME ZONE 'UTC', 'YYYYMM'),
                test_support.id('a1'), encode(sha256('body'), 'hex')
            ),
            'content_sha256', sha256('body')::text, 'content_bytes', 4, 'content_preview', 'b'
        )
    ),
    test_support.id('a1'),
    now() - interval '1 minute',
    now()
);
SELECT results_eq(
    $$ SELECT
           turn_no, created_at, run_id, run_started_at, role, author_id, status, response_id,
           response_model, finish_reason, latency_ms, input_tokens, output_tokens,
           cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd, content_format,
           content_storage, content_inline, content_sha256, content_bytes, content_preview,
           metadata
       FROM agents.chat_turn
       WHERE turn_id = test_support.id('a7') $$,
    $$ VALUES (
           3, now() - interval '30 seconds', test_support.id('a1'), now() - interval '1 minute',
           'assistant', 'U-1', 'partial', 'r-1', 'm-1', 'length', 12, 10::bigint, 5::bigint,
           4::bigint, 3::bigint, 2::bigint, 0.000000001, 'parts', 's3', NULL::text, sha256('body'),
           4::bigint, 'b', '{"a": 1}'::jsonb
       ) $$,
    'each key goes into its column'
);
SELECT is(
    (
        SELECT count(*)
        FROM agents.write_turns(test_support.id('a'), test_support.id('a5'), '[]', NULL, NULL, now())
    ),
    0::bigint,
    'no turns are none'
);
SELECT results_eq(
    $$ SELECT last_turn_no, last_turn_at
       FROM agents.chat_session
       WHERE session_id = test_support.id('a5') $$,
    $$ VALUES (3, now() - interval '30 seconds') $$,
    'the session has the time of its latest turn, and no turns do not change it'
);
SELECT agents.open_session(test_support.id('a'), test_support.id('a4'));
SELECT is(
    test_support.answer_to(
        $$ SELECT agents.write_turns(:a, :a4, '[]', NULL, NULL, now()) $$
    ),
    'accepted',
    'nor are they refused where there are no others'
);
SELECT is(
    test_support.answer_to(
        $$ SELECT agents.write_turns(:a, :a6, '[]', NULL, NULL, now()) $$
    ),
    'MU104 p_session_id: session a6 is closed',
    'but where the session is closed'
);

SELECT is(
    test_support.answer_to(
        format(
            'SELECT agents.write_turns(:a, %L, %L, NULL, NULL, now())',
            test_support.id(session), turns
        )
    ),
    answer,
    promise
)
FROM (
    VALUES
        ('a5', '[{"role": "user", "text": "Hi"}]', '22023 p_turns[0].text: is no key',
         'a key that is none is named'),
        ('a5', '[{"role": "user", "turn_no": 9}]', '22023 p_turns[0].turn_no: is no key',
         'nobody chooses a number'),
        ('a5', '{}', '22023 p_turns: is not an array of objects', 'turns are an array'),
        ('a5', '[{"role": "user", "latency_ms": "slow"}]',
         '22P02 invalid input syntax for type integer: "slow"', 'a value is of its type'),
        ('a5', '[{"role": "user"}, {"role": "user", "created_at": "9999-01-01Z"}]',
         'MU112 p_turns[1].created_at: 9999-01-01Z lies in the future',
         'nothing is said in the future'),
        ('a5', '[{"role": "user", "created_at": "2020-01-01Z"}]',
         '23514 no partition of relation "chat_turn" found for row',
         'nothing is said in a month that is not there'),
        ('a6', '[{"role": "user"}]', 'MU104 p_session_id: session a6 is closed',
         'nothing is said in a closed session'),
        ('a9', '[{"role": "user"}]', 'P0002 p_session_id: session a9 is not there',
         'nothing is said in a session that is not there'),
        ('a5', '[{"role": "ghost"}]',
         '23514 new row for relation "chat_turn_p' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')
         || '" violates check constraint "chat_turn_role_ck"',
         'what the table refuses is refused by name')
) AS attempt (session, turns, answer, promise);
SELECT is(
    test_support.answer_to(
        $$ SET LOCAL app.tenant_id = '';
           SELECT agents.write_turns(:a, :a5, '[{"role": "user"}]', NULL, NULL, now()) $$
    ),
    '42501 tenant is not set',
    'who calls it has set the tenant'
);
SELECT is(
    (SELECT last_turn_no FROM agents.chat_session WHERE session_id = test_support.id('a5')),
    3,
    'what was refused has used no number'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

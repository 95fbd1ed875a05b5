-- Subject: what makes a run one run: its key, what hangs on it, and the bodies that prove it
-- Docs: docs/schema/agents.md
--
-- A run has one identity in its firm, one row in one month, and one start. Whatever names it names
-- the same one. What it said can be told from a forgery by hash, length and place.
-- Firm a writes; firm b is there to be confused with it. What is asked for at commit is asked for
-- here by SET CONSTRAINTS ALL IMMEDIATE.
BEGIN;
SET LOCAL client_min_messages = warning;
-- Keys are written before their runs here.
SET CONSTRAINTS agents.agent_run_key_run_fk DEFERRED;
SELECT plan(191);

-- The scene -----------------------------------------------------------------

-- What the database says to a statement, and then to a commit: accepted, or the SQLSTATE and the
-- rule that refuses it. Nothing of it stays.
CREATE FUNCTION pg_temp.answer_to(p_statement text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_rule text;
BEGIN
    EXECUTE p_statement;
    SET CONSTRAINTS ALL IMMEDIATE;
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_rule = CONSTRAINT_NAME;
        RETURN concat_ws(' ', SQLSTATE, coalesce(nullif(v_rule, ''), SQLERRM));
END;
$$;

-- The statement that writes these columns, given as JSON, into a table of the ledger.
CREATE FUNCTION pg_temp.insert_into(p_table text, p_row jsonb)
RETURNS text
LANGUAGE sql
AS $$
    SELECT format(
        'INSERT INTO agents.%1$I (%2$s) '
        'SELECT %2$s FROM jsonb_populate_record(NULL::agents.%1$I, %3$L)',
        p_table,
        string_agg(quote_ident(column_name), ', '),
        p_row
    )
    FROM jsonb_object_keys(p_row) AS column_name
$$;

-- One row of each kind. A test says what is different in its own.
CREATE FUNCTION pg_temp.a_key(p_difference jsonb DEFAULT '{}')
RETURNS text
LANGUAGE sql
AS $$
    SELECT pg_temp.insert_into(
        'agent_run_key',
        '{
            "firm_id": "00000000-0000-4000-8000-00000000000a",
            "run_id": "00000000-0000-4000-8000-0000000000a9",
            "started_at": "2026-06-15T12:00:00Z"
        }'::jsonb || p_difference
    )
$$;
CREATE FUNCTION pg_temp.a_run(p_difference jsonb DEFAULT '{}')
RETURNS text
LANGUAGE sql
AS $$
    SELECT pg_temp.insert_into(
        'agent_run',
        '{
            "firm_id": "00000000-0000-4000-8000-00000000000a",
            "run_id": "00000000-0000-4000-8000-0000000000a9",
            "started_at": "2026-06-15T12:00:00Z",
            "root_run_id": "00000000-0000-4000-8000-0000000000a9",
            "agent_name": "MatterChatAgent"
        }'::jsonb || p_difference
    )
$$;
CREATE FUNCTION pg_temp.a_turn(p_difference jsonb DEFAULT '{}')
RETURNS text
LANGUAGE sql
AS $$
    SELECT pg_temp.insert_into(
        'chat_turn',
        '{
            "firm_id": "00000000-0000-4000-8000-00000000000a",
            "created_at": "2026-06-15T12:00:01Z",
            "session_id": "5e550000-0000-4000-8000-0000000000a1",
            "turn_no": 1,
            "role": "user",
            "run_id": "00000000-0000-4000-8000-0000000000a1",
            "run_started_at": "2026-05-31T23:59:59.999999Z"
        }'::jsonb || p_difference
    )
$$;
CREATE FUNCTION pg_temp.a_call(p_difference jsonb DEFAULT '{}')
RETURNS text
LANGUAGE sql
AS $$
    SELECT pg_temp.insert_into(
        'tool_call',
        jsonb_build_object(
            'firm_id', '00000000-0000-4000-8000-00000000000a',
            'requested_at', '2026-06-15T12:00:01Z',
            'run_id', '00000000-0000-4000-8000-0000000000a1',
            'run_started_at', '2026-05-31T23:59:59.999999Z',
            'call_no', 1,
            'tool_name', tool_name,
            'tool_version', tool_version,
            'definition_sha256', definition_sha256::text,
            'status', 'succeeded',
            'ended_at', '2026-06-15T12:00:02Z'
        ) || p_difference
    )
    FROM agents.tool_registry
    WHERE tool_name = 'get_matter'
$$;

-- Run a1 starts in the last microsecond of May, run a2 in the first of June; b1 as a1, in firm b.
-- A superuser writes both firms at once.
INSERT INTO agents.chat_session (firm_id, session_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '5e550000-0000-4000-8000-0000000000a1'),
    ('00000000-0000-4000-8000-00000000000b', '5e550000-0000-4000-8000-0000000000b1');
INSERT INTO agents.agent_run_key (firm_id, run_id, started_at, idempotency_key) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a1',
        '2026-05-31 23:59:59.999999+00',
        'asked once'
    ),
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a2',
        '2026-06-01 00:00:00+00',
        NULL
    ),
    (
        '00000000-0000-4000-8000-00000000000b',
        '00000000-0000-4000-8000-0000000000b1',
        '2026-05-31 23:59:59.999999+00',
        'asked by b'
    );
INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name)
SELECT firm_id, run_id, started_at, run_id, 'MatterChatAgent'
FROM agents.agent_run_key;

SELECT lives_ok($$ SET CONSTRAINTS ALL IMMEDIATE $$, 'three keys with their runs can be committed');
SET CONSTRAINTS ALL DEFERRED;

SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');

-- One identity --------------------------------------------------------------

SELECT is(pg_temp.answer_to(statement), answer, promise)
FROM (
    VALUES
        (
            pg_temp.a_key() || '; ' || pg_temp.a_run(),
            'accepted',
            'a key with its run is committed'
        ),
        (
            pg_temp.a_key(),
            '23503 agent_run_key_run_fk',
            'a key without a run is not committed'
        ),
        (
            pg_temp.a_key('{"archived_at": "2026-06-15T12:00:00Z"}'),
            '42501 permission denied for table agent_run_key',
            'an agent cannot pass a key off as one whose run has left'
        ),
        (
            pg_temp.a_key('{"created_at": "2026-06-15T12:00:00Z"}'),
            '42501 permission denied for table agent_run_key',
            'an agent does not say when a key was written down'
        ),
        (
            pg_temp.a_key() || '; ' || pg_temp.a_turn('{
                "run_id": "00000000-0000-4000-8000-0000000000a9",
                "run_started_at": "2026-06-15T12:00:00Z"
            }'),
            '23503 agent_run_key_run_fk',
            'a turn does not make up for the run'
        ),
        (
            pg_temp.a_run(),
            '23503 agent_run_key_fk',
            'a run without a key is refused at once'
        ),
        (
            pg_temp.a_run() || '; ' || pg_temp.a_key(),
            '23503 agent_run_key_fk',
            'the key comes first'
        ),
        (
            pg_temp.a_key('{"run_id": "00000000-0000-4000-8000-0000000000a1"}'),
            '23505 agent_run_key_pk',
            'a run_id is used once'
        ),
        (
            pg_temp.a_key('{
                "run_id": "00000000-0000-4000-8000-0000000000a1",
                "started_at": "2026-05-31T23:59:59.999999Z"
            }'),
            '23505 agent_run_key_pk',
            'a run_id is used once, even for the same start'
        ),
        (
            pg_temp.a_key('{"idempotency_key": "asked once"}'),
            '23505 agent_run_key_idempotency_key_uq',
            'an idempotency key is one run in a firm'
        ),
        (
            pg_temp.a_key('{"idempotency_key": "asked by b"}') || '; ' || pg_temp.a_run(),
            'accepted',
            'another firm has idempotency keys of its own'
        ),
        (
            pg_temp.a_key('{"run_id": "00000000-0000-4000-8000-0000000000b1"}') || '; '
            || pg_temp.a_run('{
                "run_id": "00000000-0000-4000-8000-0000000000b1",
                "root_run_id": "00000000-0000-4000-8000-0000000000b1"
            }'),
            'accepted',
            'another firm has run ids of its own'
        ),
        (
            pg_temp.a_key('{"idempotency_key": null}') || '; ' || pg_temp.a_run(),
            'accepted',
            'no idempotency key is no key, and so is not used up'
        )
) AS attempt (statement, answer, promise);

-- Who comes second learns it without an error, and of the first one nothing is changed.
SELECT is(
    pg_temp.answer_to(
        pg_temp.a_key('{"idempotency_key": "asked once"}') || ' ON CONFLICT DO NOTHING'
    ),
    'accepted',
    'a key that was there is left as it was'
);

-- One row in one month ------------------------------------------------------

SELECT is(pg_temp.answer_to(statement), answer, promise)
FROM (
    VALUES
        (
            pg_temp.a_run('{
                "run_id": "00000000-0000-4000-8000-0000000000a1",
                "root_run_id": "00000000-0000-4000-8000-0000000000a1",
                "started_at": "2026-05-31T23:59:59.999999Z"
            }'),
            '23505 agent_run_p202605_pkey',
            'a second row for a run is refused in its month'
        ),
        (
            pg_temp.a_run('{
                "run_id": "00000000-0000-4000-8000-0000000000a1",
                "root_run_id": "00000000-0000-4000-8000-0000000000a1",
                "started_at": "2026-05-31T23:59:59.999998Z"
            }'),
            '23503 agent_run_key_fk',
            'a second row for a run is refused when it starts a microsecond earlier'
        ),
        (
            pg_temp.a_run('{
                "run_id": "00000000-0000-4000-8000-0000000000a1",
                "root_run_id": "00000000-0000-4000-8000-0000000000a1",
                "started_at": "2026-06-01T00:00:00Z"
            }'),
            '23503 agent_run_key_fk',
            'a second row for a run is refused in the month after it, a microsecond later'
        ),
        (
            pg_temp.a_key() || '; ' || pg_temp.a_run('{"started_at": "2026-07-15T12:00:00Z"}'),
            '23503 agent_run_key_fk',
            'a run is in the month of its key'
        ),
        (
            pg_temp.a_key('{"started_at": "2026-04-15T12:00:00Z"}') || '; '
            || pg_temp.a_run('{"started_at": "2026-04-15T12:00:00Z"}'),
            '23514 no partition of relation "agent_run" found for row',
            'a run of a month that is not there is refused'
        ),
        (
            pg_temp.a_key('{"started_at": "2026-04-15T12:00:00Z"}'),
            '23503 agent_run_key_run_fk',
            'a key of a month that is not there has no run that could save it'
        ),
        (
            pg_temp.a_key('{"started_at": "infinity"}'),
            '23514 agent_run_key_times_are_finite_ck',
            'a key does not start at the end of time'
        ),
        (
            pg_temp.a_run('{"started_at": "infinity"}'),
            '23514 no partition of relation "agent_run" found for row',
            'a run does not start at the end of time'
        )
) AS attempt (statement, answer, promise);

-- What hangs on a run -------------------------------------------------------

-- Turns and calls name a run by id and start; both must be those of one key of their own firm.
SELECT is(
    pg_temp.answer_to(
        CASE child WHEN 'chat_turn' THEN pg_temp.a_turn(run) ELSE pg_temp.a_call(run) END
    ),
    replace(answer, 'CHILD', child),
    format('%s: %s', child, promise)
)
FROM
    unnest(ARRAY['chat_turn', 'tool_call']) AS child,
    (
        VALUES
            ('{}'::jsonb, 'accepted', 'a run that is there'),
            (
                '{"run_id": "00000000-0000-4000-8000-000000000099"}',
                '23503 CHILD_run_fk',
                'a run that is not there is refused'
            ),
            (
                '{"run_id": "00000000-0000-4000-8000-0000000000b1"}',
                '23503 CHILD_run_fk',
                'a run of another firm is refused, though it started at the same moment'
            ),
            (
                '{"run_id": "00000000-0000-4000-8000-0000000000a2"}',
                '23503 CHILD_run_fk',
                'the start of another run is refused'
            ),
            (
                '{"run_started_at": "2026-05-31T23:59:59.999998Z"}',
                '23503 CHILD_run_fk',
                'a start that is a microsecond off is refused'
            ),
            (
                '{"run_started_at": "2026-06-01T00:00:00Z"}',
                '23503 CHILD_run_fk',
                'a start that is one of the next month is refused'
            )
    ) AS attempt (run, answer, promise);
SELECT is(pg_temp.answer_to(statement), answer, promise)
FROM (
    VALUES
        (
            pg_temp.a_turn('{"run_id": null, "run_started_at": null}'),
            'accepted',
            'a turn may be there before any run'
        ),
        (
            pg_temp.a_turn('{"run_started_at": null}'),
            '23514 chat_turn_run_is_whole_ck',
            'a turn does not name a run without its start, which nobody would check'
        ),
        (
            pg_temp.a_turn('{"run_id": null}'),
            '23514 chat_turn_run_is_whole_ck',
            'a turn does not name a start without a run'
        ),
        (
            pg_temp.a_call('{"run_started_at": null}'),
            '23502 null value in column "run_started_at" of relation "tool_call_p202606" '
            'violates not-null constraint',
            'a call does not name a run without its start'
        ),
        (
            pg_temp.a_call('{"run_id": null}'),
            '23502 null value in column "run_id" of relation "tool_call_p202606" violates '
            'not-null constraint',
            'a call does not name a start without a run'
        ),
        (
            pg_temp.a_turn('{"session_id": "5e550000-0000-4000-8000-0000000000b1"}'),
            '23503 chat_turn_session_fk',
            'a turn is not in a conversation of another firm'
        ),
        (
            pg_temp.a_key() || '; '
            || pg_temp.a_run('{"session_id": "5e550000-0000-4000-8000-0000000000a1"}'),
            'accepted',
            'a run may be in a conversation'
        ),
        (
            pg_temp.a_key() || '; '
            || pg_temp.a_run('{"session_id": "5e550000-0000-4000-8000-0000000000b1"}'),
            '23503 agent_run_session_fk',
            'a run is not in a conversation of another firm'
        )
) AS attempt (statement, answer, promise);

-- The tree of runs.
SELECT is(pg_temp.answer_to(pg_temp.a_key() || '; ' || pg_temp.a_run(place)), answer, promise)
FROM (
    VALUES
        (
            '{
                "parent_run_id": "00000000-0000-4000-8000-0000000000a1",
                "root_run_id": "00000000-0000-4000-8000-0000000000a1", "depth": 1
            }'::jsonb,
            'accepted',
            'a run may stand below another, also one of another month'
        ),
        (
            '{
                "parent_run_id": "00000000-0000-4000-8000-0000000000b1",
                "root_run_id": "00000000-0000-4000-8000-0000000000a1", "depth": 1
            }',
            '23503 agent_run_parent_fk',
            'a run does not stand below one of another firm'
        ),
        (
            '{
                "parent_run_id": "00000000-0000-4000-8000-0000000000a1",
                "root_run_id": "00000000-0000-4000-8000-0000000000b1", "depth": 1
            }',
            '23503 agent_run_root_fk',
            'a run is not in the tree of another firm'
        ),
        (
            '{
                "parent_run_id": "00000000-0000-4000-8000-0000000000a9",
                "root_run_id": "00000000-0000-4000-8000-0000000000a1", "depth": 1
            }',
            '23514 agent_run_place_in_tree_ck',
            'a run does not stand below itself'
        ),
        (
            '{
                "parent_run_id": "00000000-0000-4000-8000-0000000000a1", "depth": 1
            }',
            '23514 agent_run_place_in_tree_ck',
            'a run with a parent is not its own root'
        ),
        (
            '{"root_run_id": "00000000-0000-4000-8000-0000000000a1"}',
            '23514 agent_run_place_in_tree_ck',
            'a run without a parent is its own root'
        )
) AS attempt (place, answer, promise);
SELECT is(pg_temp.answer_to(pg_temp.a_call(child)), answer, promise)
FROM (
    VALUES
        (
            '{"child_run_id": "00000000-0000-4000-8000-0000000000a2"}'::jsonb,
            'accepted',
            'a call may have started a run'
        ),
        (
            '{"child_run_id": "00000000-0000-4000-8000-0000000000a1"}',
            '23514 tool_call_child_is_another_run_ck',
            'a call has not started the run that it is of'
        ),
        (
            '{"child_run_id": "00000000-0000-4000-8000-0000000000b1"}',
            '23503 tool_call_child_run_fk',
            'a call has not started a run of another firm'
        ),
        (
            '{"child_run_id": "00000000-0000-4000-8000-000000000099"}',
            '23503 tool_call_child_run_fk',
            'a call has not started a run that is not there'
        )
) AS attempt (child, answer, promise);

-- The bodies ----------------------------------------------------------------

-- The message of a turn, the arguments and the result of a call: three bodies, the same rules.
CREATE FUNCTION pg_temp.answer_to_body(p_body text, p_columns jsonb)
RETURNS text
LANGUAGE sql
AS $$
    SELECT pg_temp.answer_to(
        CASE p_body
            WHEN 'content' THEN pg_temp.a_turn(named.columns)
            ELSE pg_temp.a_call(named.columns)
        END
    )
    FROM (
        SELECT jsonb_object_agg(
            CASE
                WHEN key IN ('storage', 'inline', 's3_key', 'sha256', 'bytes', 'preview')
                    THEN format('%s_%s', p_body, key)
                ELSE key
            END,
            value
        )
        FROM jsonb_each(p_columns)
    ) AS named (columns)
$$;
CREATE FUNCTION pg_temp.inline(p_text text, p_difference jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE sql
AS $$
    SELECT jsonb_build_object(
        'storage', 'inline',
        'inline', p_text,
        'sha256', sha256(convert_to(p_text, 'UTF8'))::text,
        'bytes', octet_length(convert_to(p_text, 'UTF8'))
    ) || p_difference
$$;

SELECT is(
    pg_temp.answer_to_body(body, columns),
    replace(answer, 'TABLE', CASE body WHEN 'content' THEN 'chat_turn' ELSE 'tool_call' END)
    || CASE answer WHEN 'accepted' THEN '' ELSE format('_%s_inline_ck', body) END,
    format('%s: %s', body, promise)
)
FROM
    unnest(ARRAY['content', 'args', 'result']) AS body,
    (
        VALUES
            (pg_temp.inline(''), 'accepted', 'nothing is a text'),
            (pg_temp.inline(repeat('x', 32768)), 'accepted', '32,768 bytes stay in the row'),
            (pg_temp.inline(repeat('x', 32769)), '23514 TABLE',
             '32,769 bytes do not stay in the row'),
            (pg_temp.inline(repeat('ü', 16384)), 'accepted',
             '32,768 bytes may be 16,384 characters'),
            (pg_temp.inline(repeat('ü', 16384) || 'x'), '23514 TABLE',
             '16,385 characters may be too many bytes'),
            (pg_temp.inline(repeat('ü', 32768)), '23514 TABLE',
             '32,768 characters may be twice as many bytes'),
            (pg_temp.inline(repeat('🏛', 8192)), 'accepted',
             '32,768 bytes may be 8,192 characters outside of the basic plane'),
            (pg_temp.inline(repeat('🏛', 8192) || 'x'), '23514 TABLE',
             '8,192 such characters and a byte are too many'),
            (pg_temp.inline(repeat('ü', 16384), '{"bytes": 16384}'), '23514 TABLE',
             'characters are not bytes'),
            (pg_temp.inline(repeat('x', 32769), '{"bytes": 32768}'), '23514 TABLE',
             'a length that is understated is refused'),
            (pg_temp.inline('a text', '{"bytes": 7}'), '23514 TABLE',
             'a length that is overstated is refused'),
            (pg_temp.inline('a text', '{"inline": "a test"}'), '23514 TABLE',
             'a text that was exchanged is refused'),
            (pg_temp.inline('a text', '{"inline": "a text\n", "bytes": 7}'), '23514 TABLE',
             'a text that got a line break is refused'),
            (
                pg_temp.inline(
                    U&'\00FC', jsonb_build_object('inline', U&'u\0308', 'bytes', 3)
                ),
                '23514 TABLE',
                'a text that looks the same and is not is refused'
            ),
            (
                pg_temp.inline('ü', jsonb_build_object('sha256', sha256('\xfc')::text)),
                '23514 TABLE',
                'the hash is of UTF-8, not of another encoding'
            ),
            (
                pg_temp.inline(
                    'a text',
                    jsonb_build_object(
                        'sha256', encode(sha256(convert_to('a text', 'UTF8')), 'hex')
                    )
                ),
                '23514 TABLE',
                'the hash is bytes, not their hex digits'
            )
    ) AS attempt (columns, answer, promise);

-- On the shelf, a body is found by a key that can only be of this row.
CREATE FUNCTION pg_temp.on_the_shelf(p_key text)
RETURNS jsonb
LANGUAGE sql
AS $$
    SELECT jsonb_build_object(
        'storage', 's3',
        's3_key', replace(p_key, 'SHA256', encode(sha256('a body'), 'hex')),
        'sha256', sha256('a body')::text,
        'bytes', 40000
    )
$$;
SELECT is(
    pg_temp.answer_to_body(body, pg_temp.on_the_shelf(replace(key, 'KIND', body))),
    CASE
        WHEN is_right THEN 'accepted'
        ELSE format(
            '23514 %s_%s_s3_key_ck',
            CASE body WHEN 'content' THEN 'chat_turn' ELSE 'tool_call' END,
            body
        )
    END,
    format('%s: %s', body, promise)
)
FROM
    unnest(ARRAY['content', 'args', 'result']) AS body,
    (
        VALUES
            (
                'agents/00000000-0000-4000-8000-00000000000a/202605/'
                '00000000-0000-4000-8000-0000000000a1/KIND/SHA256.json',
                true,
                'the key names firm, month, run, kind and hash'
            ),
            (
                'agents/00000000-0000-4000-8000-00000000000b/202605/'
                '00000000-0000-4000-8000-0000000000a1/KIND/SHA256.json',
                false,
                'a key of another firm is refused'
            ),
            (
                'agents/00000000-0000-4000-8000-00000000000a/202606/'
                '00000000-0000-4000-8000-0000000000a1/KIND/SHA256.json',
                false,
                'a key of another month is refused, also if it is that of the row'
            ),
            (
                'agents/00000000-0000-4000-8000-00000000000a/202605/'
                '00000000-0000-4000-8000-0000000000a2/KIND/SHA256.json',
                false,
                'a key of another run is refused'
            ),
            (
                'agents/00000000-0000-4000-8000-00000000000b/202605/'
                '00000000-0000-4000-8000-0000000000b1/KIND/SHA256.json',
                false,
                'a key of a run of another firm is refused'
            ),
            (
                'agents/00000000-0000-4000-8000-00000000000a/202605/'
                '00000000-0000-4000-8000-0000000000a1/other/SHA256.json',
                false,
                'a key of another kind is refused'
            ),
            (
                'agents/00000000-0000-4000-8000-00000000000a/202605/'
                '00000000-0000-4000-8000-0000000000a1/KIND/'
                'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.json',
                false,
                'a key of another hash is refused'
            ),
            (
                'agents/00000000-0000-4000-8000-00000000000a/202605/'
                '00000000-0000-4000-8000-0000000000a1/KIND/SHA256',
                false,
                'a key without its ending is refused'
            ),
            (
                '/agents/00000000-0000-4000-8000-00000000000a/202605/'
                '00000000-0000-4000-8000-0000000000a1/KIND/SHA256.json',
                false,
                'a key with a slash in front is refused'
            ),
            (
                'AGENTS/00000000-0000-4000-8000-00000000000A/202605/'
                '00000000-0000-4000-8000-0000000000A1/KIND/SHA256.json',
                false,
                'a key in capitals is another key, and refused'
            ),
            (
                'agents/00000000-0000-4000-8000-00000000000a/202605/../202605/'
                '00000000-0000-4000-8000-0000000000a1/KIND/SHA256.json',
                false,
                'a key by a detour is refused'
            ),
            ('', false, 'an empty key is refused'),
            (
                'https://bucket.example/agents/00000000-0000-4000-8000-00000000000a/202605/'
                '00000000-0000-4000-8000-0000000000a1/KIND/SHA256.json',
                false,
                'an address is not a key'
            )
    ) AS attempt (key, is_right, promise);

-- A place that is put together from nothing would be no place.
SELECT is(
    pg_temp.answer_to_body(
        'content',
        pg_temp.on_the_shelf(
            'agents/00000000-0000-4000-8000-00000000000a///content/SHA256.json'
        ) || '{"run_id": null, "run_started_at": null}'
    ),
    '23514 chat_turn_content_s3_key_ck',
    'content: a message of no run has no place on the shelf'
);

-- The month in a key is one of UTC, wherever the session is: there the run started in June.
SET LOCAL timezone = 'Pacific/Kiritimati';
SELECT is(
    pg_temp.answer_to_body(
        body,
        pg_temp.on_the_shelf(
            format(
                'agents/00000000-0000-4000-8000-00000000000a/%s/'
                '00000000-0000-4000-8000-0000000000a1/%s/SHA256.json',
                month,
                body
            )
        )
    ) = 'accepted',
    month = '202605',
    format('%s: from an island that is 14 hours ahead, %s is judged as from anywhere', body, month)
)
FROM unnest(ARRAY['content', 'args', 'result']) AS body, unnest(ARRAY['202605', '202606']) AS month;
SET LOCAL timezone = 'UTC';

-- For ever ------------------------------------------------------------------

INSERT INTO agents.agent_run_key (firm_id, run_id, started_at) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a3',
        '2026-06-15 12:00:00+00'
    );
INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a3',
        '2026-06-15 12:00:00+00',
        '00000000-0000-4000-8000-0000000000a3',
        'MatterChatAgent'
    );
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
DO $$
BEGIN
    EXECUTE pg_temp.a_turn();
    EXECUTE pg_temp.a_call();
END;
$$;

SELECT is(
    pg_temp.answer_to(format(statement, name)),
    format('42501 permission denied for table %s', name),
    format('%s: an agent %s', name, deed)
)
FROM
    unnest(
        ARRAY['agent_run_key', 'agent_run', 'chat_session', 'chat_turn', 'tool_call']
    ) AS name,
    (
        VALUES
            ('UPDATE agents.%s SET firm_id = firm_id', 'changes nothing'),
            ('DELETE FROM agents.%s', 'deletes nothing'),
            ('TRUNCATE agents.%s CASCADE', 'empties nothing')
    ) AS attempt (statement, deed);

RESET ROLE;
SELECT is(current_setting('is_superuser'), 'on', 'what follows is refused to a superuser');
SELECT throws_ok(
    format('DELETE FROM agents.%s', name),
    'MU001',
    format('agents.%s is append-only: delete refused', coalesce(part, name)),
    format('%s: not even a superuser deletes a row', name)
)
FROM (
    VALUES
        ('agent_run_key', NULL),
        ('agent_run', 'agent_run_p202605'),
        ('chat_session', NULL),
        ('chat_turn', 'chat_turn_p202606'),
        ('tool_call', 'tool_call_p202606')
) AS ledger (name, part);
SELECT throws_ok(
    format('TRUNCATE agents.%s CASCADE', name),
    'MU001',
    format('agents.%s is append-only: truncate refused', name),
    format('%s: not even a superuser empties the table', name)
)
FROM unnest(
    ARRAY['agent_run_key', 'agent_run', 'chat_session', 'chat_turn', 'tool_call']
) AS name;

-- Who may change rows still cannot change who a run is. The guard refuses sooner; the keys hold
-- without it.
ALTER TABLE agents.chat_turn DISABLE TRIGGER chat_turn_guard_tg;
ALTER TABLE agents.tool_call DISABLE TRIGGER tool_call_guard_tg;
SELECT is(pg_temp.answer_to(statement), answer, promise)
FROM (
    VALUES
        (
            $$ UPDATE agents.agent_run_key
               SET run_id = '00000000-0000-4000-8000-000000000099'
               WHERE run_id = '00000000-0000-4000-8000-0000000000a1' $$,
            '23503 agent_run_key_fk',
            'a key does not get another id'
        ),
        (
            $$ UPDATE agents.agent_run_key
               SET firm_id = '00000000-0000-4000-8000-00000000000b'
               WHERE run_id = '00000000-0000-4000-8000-0000000000a1' $$,
            '23503 agent_run_key_fk',
            'a key does not get another firm'
        ),
        (
            $$ UPDATE agents.agent_run_key
               SET started_at = started_at + interval '1 microsecond'
               WHERE run_id = '00000000-0000-4000-8000-0000000000a1' $$,
            '23503 agent_run_key_fk',
            'a key does not get another start'
        ),
        (
            $$ UPDATE agents.agent_run
               SET
                   run_id = '00000000-0000-4000-8000-0000000000a2',
                   root_run_id = '00000000-0000-4000-8000-0000000000a2'
               WHERE run_id = '00000000-0000-4000-8000-0000000000a3' $$,
            '23503 agent_run_key_fk',
            'a run does not take the place of another'
        ),
        (
            $$ UPDATE agents.agent_run
               SET firm_id = '00000000-0000-4000-8000-00000000000b'
               WHERE run_id = '00000000-0000-4000-8000-0000000000a3' $$,
            '23503 agent_run_key_fk',
            'a run does not go to another firm'
        ),
        (
            $$ UPDATE agents.chat_turn SET firm_id = '00000000-0000-4000-8000-00000000000b' $$,
            '23503 chat_turn_run_fk',
            'a turn does not go to another firm'
        ),
        (
            $$ UPDATE agents.tool_call SET firm_id = '00000000-0000-4000-8000-00000000000b' $$,
            '23503 tool_call_run_fk',
            'a call does not go to another firm'
        ),
        (
            $$ UPDATE agents.chat_turn
               SET run_id = '00000000-0000-4000-8000-0000000000b1' $$,
            '23503 chat_turn_run_fk',
            'a turn does not change over to a run of another firm'
        ),
        (
            $$ UPDATE agents.tool_call
               SET run_id = '00000000-0000-4000-8000-0000000000a2' $$,
            '23503 tool_call_run_fk',
            'a call does not change over to a run that started at another time'
        )
) AS attempt (statement, answer, promise);

-- A key outlives its run: archived, it keeps what it identifies.
UPDATE agents.agent_run_key
SET archived_at = '2027-01-01 00:00:00+00'
WHERE run_id = '00000000-0000-4000-8000-0000000000a1';
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
ALTER TABLE agents.agent_run DISABLE TRIGGER agent_run_forbid_delete_tg;
DELETE FROM agents.agent_run WHERE run_id = '00000000-0000-4000-8000-0000000000a1';
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
ALTER TABLE agents.agent_run ENABLE TRIGGER agent_run_forbid_delete_tg;

SET LOCAL ROLE muniment_app;
SELECT is(pg_temp.answer_to(statement), answer, promise)
FROM (
    VALUES
        ('SELECT', 'accepted', 'an archived key is committed without its run'),
        (
            pg_temp.a_key('{"run_id": "00000000-0000-4000-8000-0000000000a1"}'),
            '23505 agent_run_key_pk',
            'the id of an archived run is not used again'
        ),
        (
            pg_temp.a_key('{"idempotency_key": "asked once"}'),
            '23505 agent_run_key_idempotency_key_uq',
            'the idempotency key of an archived run is not used again'
        ),
        (
            pg_temp.a_run('{
                "run_id": "00000000-0000-4000-8000-0000000000a1",
                "root_run_id": "00000000-0000-4000-8000-0000000000a1",
                "started_at": "2026-06-15T12:00:00Z"
            }'),
            '23503 agent_run_key_fk',
            'an archived run does not come back with another start'
        ),
        (
            pg_temp.a_key() || '; ' || pg_temp.a_run('{
                "parent_run_id": "00000000-0000-4000-8000-0000000000a1",
                "root_run_id": "00000000-0000-4000-8000-0000000000a1", "depth": 1
            }'),
            'accepted',
            'a run that is here can still name it as its parent'
        )
) AS attempt (statement, answer, promise);
SELECT results_eq(
    $$ SELECT run_id, run_started_at FROM agents.chat_turn
       UNION
       SELECT run_id, run_started_at FROM agents.tool_call $$,
    $$ VALUES (
           '00000000-0000-4000-8000-0000000000a1'::uuid,
           '2026-05-31 23:59:59.999999+00'::timestamptz
       ) $$,
    'what hangs on an archived run still says of which it is, and when that started'
);

RESET ROLE;
SELECT is(
    pg_temp.answer_to(
        $$ UPDATE agents.agent_run_key
           SET archived_at = NULL
           WHERE run_id = '00000000-0000-4000-8000-0000000000a1' $$
    ),
    '23503 agent_run_key_run_fk',
    'nobody says that the run is here again while it is not'
);
SELECT throws_ok(
    $$ DELETE FROM agents.agent_run_key
       WHERE run_id = '00000000-0000-4000-8000-0000000000a1' $$,
    'MU001',
    'agents.agent_run_key is append-only: delete refused',
    'an archived key is not deleted'
);
ALTER TABLE agents.agent_run_key DISABLE TRIGGER agent_run_key_forbid_delete_tg;
SELECT throws_ok(
    $$ DELETE FROM agents.agent_run_key
       WHERE run_id = '00000000-0000-4000-8000-0000000000a1' $$,
    -- Since version 18 a RESTRICT has its own SQLSTATE.
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'even without that rule, a key is not deleted while a turn or a call is of its run'
);

SELECT * FROM finish(true);
ROLLBACK;

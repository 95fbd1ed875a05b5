-- Subject: agents.guard_tool_call()    Docs: docs/schema/agents.md#guard-tool-call
BEGIN;
SET LOCAL client_min_messages = warning;
-- Keys are written before their runs here.
SET CONSTRAINTS agents.agent_run_key_run_fk DEFERRED;
SELECT plan(117);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agents', 'guard_tool_call', ARRAY[]::text[], 'trigger', 'it is for a trigger'
);
SELECT isnt_definer(
    'agents', 'guard_tool_call', ARRAY[]::text[], 'it acts with the rights of whoever changes a row'
);
SELECT function_owner_is(
    'agents', 'guard_tool_call', ARRAY[]::text[], 'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'agents.guard_tool_call()'::regprocedure
    ),
    'search_path=pg_catalog, pg_temp',
    'its search_path is pinned'
);
SELECT set_eq(
    $$ SELECT tgrelid::regclass::text, tgenabled::text,
           substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER) \w+')
       FROM pg_trigger
       WHERE tgname = 'tool_call_guard_tg' $$,
    $$ SELECT relid::text, 'O' AS enabled, 'BEFORE UPDATE' AS event
       FROM pg_partition_tree('agents.tool_call') $$,
    'it looks at every row that changes, in every month'
);

-- Behaviour -----------------------------------------------------------------

-- What is in the columns of a call in a state, beside those that are the same in all.
CREATE TEMPORARY TABLE state (status text, columns jsonb);
INSERT INTO state (status, columns) VALUES
    ('waiting_approval', '{"approval_status": "pending"}'),
    ('requested', '{}'),
    ('running', '{"started_at": "2026-06-15T12:00:01Z"}'),
    (
        'denied',
        '{
            "approval_status": "denied", "approval_decided_by": "U-1",
            "approval_decided_at": "2026-06-15T12:01:00Z", "ended_at": "2026-06-15T12:01:00Z"
        }'
    ),
    (
        'succeeded',
        '{"started_at": "2026-06-15T12:00:01Z", "ended_at": "2026-06-15T12:01:00Z"}'
    ),
    (
        'failed',
        '{
            "started_at": "2026-06-15T12:00:01Z", "ended_at": "2026-06-15T12:01:00Z",
            "error_type": "refused"
        }'
    ),
    (
        'timed_out',
        '{"started_at": "2026-06-15T12:00:01Z", "ended_at": "2026-06-15T12:01:00Z"}'
    ),
    ('cancelled', '{"ended_at": "2026-06-15T12:01:00Z"}'),
    ('unknown', '{"started_at": "2026-06-15T12:00:01Z"}');

-- The columns of a body, args or result, that is in the row.
CREATE FUNCTION pg_temp.inline(p_body text, p_content text)
RETURNS jsonb
LANGUAGE sql
AS $$
    SELECT jsonb_build_object(
        p_body || '_storage', 'inline',
        p_body || '_inline', p_content,
        p_body || '_sha256', sha256(convert_to(p_content, 'UTF8'))::text,
        p_body || '_bytes', octet_length(convert_to(p_content, 'UTF8')),
        p_body || '_preview', left(p_content, 1)
    )
$$;

-- What becomes of a call in this state, and with these columns besides, when columns change so:
-- accepted, or the SQLSTATE. Nothing of it stays.
CREATE FUNCTION pg_temp.fate_of(p_status text, p_change jsonb, p_columns jsonb DEFAULT '{}')
RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO agents.tool_call
    SELECT call.*
    FROM jsonb_populate_record(
        NULL::agents.tool_call,
        jsonb_build_object(
            'firm_id', '00000000-0000-4000-8000-00000000000a',
            'tool_call_id', 'ca110000-0000-4000-8000-0000000000a1',
            'requested_at', '2026-06-15T12:00:00Z',
            'run_id', '00000000-0000-4000-8000-0000000000a1',
            'run_started_at', '2026-06-15T11:00:00Z',
            'call_no', 1,
            'attempt_no', 1,
            'tool_name', 'send_email',
            'tool_version', '1.0.0',
            'definition_sha256', (
                SELECT definition_sha256::text
                FROM agents.tool_registry
                WHERE (tool_name, tool_version) = ('send_email', '1.0.0')
            ),
            'status', p_status,
            'approval_status', 'not_required'
        )
        || pg_temp.inline('args', '{"to": ["client"]}')
        || (SELECT s.columns FROM state AS s WHERE s.status = p_status)
        || p_columns
    ) AS call;

    EXECUTE format(
        'UPDATE agents.tool_call AS call SET (%1$s) = ROW(%2$s)
         FROM jsonb_populate_record(NULL::agents.tool_call, $1) AS want
         WHERE call.tool_call_id = ''ca110000-0000-4000-8000-0000000000a1''',
        (SELECT string_agg(key, ', ') FROM jsonb_object_keys(p_change) AS key),
        (SELECT string_agg('want.' || key, ', ') FROM jsonb_object_keys(p_change) AS key)
    )
    USING p_change;
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        RETURN SQLSTATE;
END;
$$;

SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
INSERT INTO agents.agent_run_key (firm_id, run_id, started_at) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a1',
        '2026-06-15 11:00:00+00'
    );
INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name)
SELECT firm_id, run_id, started_at, run_id, 'MatterChatAgent'
FROM agents.agent_run_key;

-- All pairs of states. What changes with the state is what the state asks for, so that nothing but
-- the state machine refuses it.
SELECT is(
    pg_temp.fate_of(
        old.status,
        jsonb_build_object('status', new.status)
        || CASE
            WHEN new.status = old.status THEN '{}'
            -- An end that does not say when it began is one, so that is no reason to refuse.
            WHEN new.status <> 'running' AND old.status <> 'waiting_approval' THEN
                new.columns - 'started_at'
            WHEN old.status <> 'waiting_approval' THEN new.columns
            WHEN new.status = 'requested' THEN
                jsonb_build_object(
                    'approval_status', 'approved', 'approval_decided_by', 'U-1',
                    'approval_decided_at', '2026-06-15T12:01:00Z',
                    'approval_args_sha256', sha256('{"to": ["client"]}')::text
                )
            WHEN new.status = 'cancelled' THEN new.columns || '{"approval_status": "expired"}'
            ELSE new.columns
        END
    ),
    CASE
        WHEN new.status = old.status THEN 'accepted'
        WHEN (old.status, new.status) IN (
            ('waiting_approval', 'requested'),
            ('waiting_approval', 'denied'),
            ('waiting_approval', 'cancelled'),
            ('requested', 'running'),
            ('requested', 'cancelled'),
            ('running', 'succeeded'),
            ('running', 'failed'),
            ('running', 'timed_out'),
            ('running', 'cancelled'),
            ('running', 'unknown')
        ) THEN 'accepted'
        WHEN old.status IN ('waiting_approval', 'requested', 'running') THEN 'MU103'
        ELSE 'MU110'
    END,
    format('from %s to %s', old.status, new.status)
)
FROM state AS old
CROSS JOIN state AS new;

-- What changes with a step, of all the columns there are.
CREATE FUNCTION pg_temp.columns_let_through(p_old text, p_new jsonb)
RETURNS SETOF text
LANGUAGE sql
AS $$
    SELECT attname::text
    FROM pg_attribute
    WHERE attrelid = 'agents.tool_call'::regclass
        AND attnum > 0
        AND attname <> 'status'
        AND pg_temp.fate_of(
            p_old,
            p_new || jsonb_build_object(attname, CASE format_type(atttypid, NULL)
                WHEN 'uuid' THEN '"00000000-0000-4000-8000-0000000000ff"'
                WHEN 'timestamp with time zone' THEN '"2026-06-16T12:00:00Z"'
                WHEN 'bytea' THEN '"\\x00"'
                WHEN 'boolean' THEN 'true'
                WHEN 'text' THEN CASE
                    WHEN attname = 'approval_status' THEN p_new -> 'approval_status'
                    ELSE '"another"'
                END
                ELSE '7'
            END::jsonb)
        ) <> 'MU103'
$$;
SELECT set_eq(
    $$ SELECT pg_temp.columns_let_through(
           'waiting_approval', '{"status": "requested", "approval_status": "approved"}'
       ) $$,
    ARRAY[
        'approval_status', 'approval_decided_by', 'approval_decided_at', 'approval_reason',
        'approval_args_sha256'
    ],
    'an approval brings along who gave it, and to what'
);
SELECT set_eq(
    $$ SELECT pg_temp.columns_let_through(
           'waiting_approval', '{"status": "denied", "approval_status": "denied"}'
       ) $$,
    ARRAY[
        'approval_status', 'approval_decided_by', 'approval_decided_at', 'approval_reason',
        'approval_args_sha256', 'ended_at', 'error_type', 'error_message', 'is_error_retryable'
    ],
    'a denial the same, and the end'
);
SELECT set_eq(
    $$ SELECT pg_temp.columns_let_through('requested', '{"status": "running"}')
       EXCEPT SELECT 'approval_status' $$,
    ARRAY['started_at'],
    'the beginning brings along when that was, and leaves the approval alone'
);
SELECT set_eq(
    $$ SELECT pg_temp.columns_let_through('requested', '{"status": "cancelled"}')
       EXCEPT SELECT 'approval_status' $$,
    ARRAY['ended_at', 'error_type', 'error_message', 'is_error_retryable'],
    'what is cancelled has no result'
);
SELECT set_eq(
    $$ SELECT pg_temp.columns_let_through('running', '{"status": "succeeded"}')
       EXCEPT SELECT 'approval_status' $$,
    ARRAY[
        'ended_at', 'error_type', 'error_message', 'is_error_retryable', 'child_run_id',
        'external_ref', 'cost_usd', 'result_storage', 'result_inline', 'result_s3_key',
        'result_sha256', 'result_bytes', 'result_preview'
    ],
    'the end brings along the outcome, and leaves what was asked for alone'
);

-- The steps of an approval are three, and no other answer leads on.
SELECT is(pg_temp.fate_of(status, change), fate, promise)
FROM (
    VALUES
        ('waiting_approval', '{"status": "requested", "approval_status": "not_required"}'::jsonb,
         'MU103', 'a call that waits cannot be said to need no approval'),
        ('waiting_approval', '{"status": "requested", "approval_status": "not_recorded"}',
         'MU103', 'nor that nobody noted it'),
        ('waiting_approval', '{"status": "running", "started_at": "2026-06-15T12:00:01Z",
          "approval_status": "not_required"}', 'MU103', 'nor just run'),
        ('waiting_approval', '{"status": "cancelled", "ended_at": "2026-06-15T12:01:00Z",
          "approval_status": "not_required"}', 'MU103', 'nor be cancelled as if nobody was asked'),
        ('waiting_approval', '{"status": "cancelled", "ended_at": "2026-06-15T12:01:00Z",
          "approval_status": "approved", "approval_decided_by": "U-1",
          "approval_decided_at": "2026-06-15T12:01:00Z"}', 'MU103',
         'what is approved is not cancelled in the same step'),
        ('waiting_approval', '{"status": "denied", "ended_at": "2026-06-15T12:01:00Z",
          "approval_status": "expired"}', 'MU103', 'what expired is not denied'),
        ('requested', '{"approval_status": "not_recorded"}', 'MU103',
         'an approval does not change without a step'),
        ('requested', '{"status": "running", "started_at": "2026-06-15T12:00:01Z",
          "approval_status": "not_recorded"}', 'MU103', 'nor with another one'),
        ('running', '{"cost_usd": 1}', 'MU103', 'a price comes with the end'),
        ('succeeded', '{"cost_usd": 1}', 'MU110', 'and not after it')
) AS attempt (status, change, fate, promise);

-- All that happens to a call that has ended is that its bodies are taken away.
SELECT is(
    pg_temp.fate_of(
        status,
        change,
        CASE WHEN status = 'running' THEN '{}' ELSE pg_temp.inline('result', 'sent') END || columns
    ),
    fate,
    promise
)
FROM (
    VALUES
        ('succeeded', '{}'::jsonb,
         '{"args_storage": "redacted", "args_inline": null, "args_preview": null,
           "args_s3_key": null}'::jsonb,
         'accepted', 'the arguments can be taken away'),
        ('succeeded', '{}',
         '{"result_storage": "redacted", "result_inline": null, "result_preview": null}',
         'accepted', 'the result can be taken away'),
        ('succeeded', '{}',
         '{"args_storage": "redacted", "args_inline": null, "args_preview": null,
           "result_storage": "redacted", "result_inline": null, "result_preview": null}',
         'accepted', 'both can'),
        ('succeeded',
         jsonb_build_object(
             'result_storage', 's3', 'result_inline', NULL, 'result_s3_key',
             'agents/00000000-0000-4000-8000-00000000000a/202606/'
             || '00000000-0000-4000-8000-0000000000a1/result/'
             || encode(sha256('sent'), 'hex') || '.json'
         ),
         '{"result_storage": "redacted", "result_s3_key": null, "result_preview": null}',
         'accepted', 'a result on the shelf can'),
        ('denied', '{"result_storage": null, "result_inline": null, "result_sha256": null,
          "result_bytes": null, "result_preview": null}',
         '{"args_storage": "redacted", "args_inline": null, "args_preview": null}',
         'accepted', 'what was denied too'),
        ('succeeded', '{}',
         '{"args_storage": "redacted", "args_inline": null}',
         'MU110', 'no preview of them stays'),
        ('succeeded', '{}',
         '{"args_storage": "redacted", "args_preview": null}',
         'MU110', 'nor the text'),
        ('succeeded', '{}',
         '{"args_storage": "redacted", "args_inline": null, "args_preview": null,
           "args_bytes": 0}',
         'MU110', 'their length stays'),
        ('succeeded', '{}',
         '{"result_storage": "redacted", "result_inline": null, "result_preview": null,
           "result_sha256": "\\x00"}',
         'MU110', 'and their hash'),
        ('succeeded', '{}',
         '{"result_storage": "redacted", "result_inline": null, "result_preview": null,
           "external_ref": "message 1"}',
         'MU110', 'and all the rest'),
        ('succeeded', '{}', '{"args_inline": "{}"}', 'MU110', 'nobody puts others in their place'),
        ('succeeded', '{"result_storage": null, "result_inline": null, "result_sha256": null,
          "result_bytes": null, "result_preview": null}',
         '{"result_storage": "redacted"}', 'MU110', 'what is not there is not taken away'),
        ('succeeded', '{"args_storage": "redacted", "args_inline": null, "args_preview": null}',
         '{"args_storage": "inline", "args_inline": "{\"to\": [\"client\"]}"}',
         'MU110', 'what was taken away does not come back'),
        ('running', '{}',
         '{"args_storage": "redacted", "args_inline": null, "args_preview": null}',
         'MU103', 'what a call runs with is not taken away')
) AS attempt (status, columns, change, fate, promise);

-- Access --------------------------------------------------------------------

SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agents.guard_tool_call()'::regprocedure AND grantee <> proowner $$,
    'nobody has to call it'
);

GRANT SELECT ON state TO muniment_app, muniment_service;
SET LOCAL ROLE muniment_app;
SELECT is(
    pg_temp.fate_of(
        'succeeded',
        '{"result_storage": "redacted", "result_inline": null, "result_preview": null}',
        pg_temp.inline('result', 'sent')
    ),
    'MU110',
    'a runtime, which may write a result, does not take one away'
);

SELECT * FROM finish(true);
ROLLBACK;

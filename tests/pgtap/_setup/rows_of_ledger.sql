-- Rows of the ledger, for tests that are about what is read from it: what a test does not name has
-- the value of a run, turn or call without anything special.

-- p_letter is the last digit of the firm's id; ids are told by their last digits as well.
CREATE FUNCTION test_support.id(p_ending text)
RETURNS uuid
LANGUAGE sql
IMMUTABLE
AS $function$
    SELECT ('00000000-0000-4000-8000-' || lpad(p_ending, 12, '0'))::uuid;
$function$;

CREATE FUNCTION test_support.record_run(
    p_firm text, p_run text, p_started_at timestamptz, p_values jsonb DEFAULT '{}'
)
RETURNS void
LANGUAGE sql
AS $function$
    WITH key AS (
        INSERT INTO agents.agent_run_key (firm_id, run_id, started_at)
        VALUES (test_support.id(p_firm), test_support.id(p_run), p_started_at)
    )
    INSERT INTO agents.agent_run
    SELECT (jsonb_populate_record(
        NULL::agents.agent_run,
        jsonb_build_object(
            'firm_id', test_support.id(p_firm),
            'run_id', test_support.id(p_run),
            'root_run_id', test_support.id(p_run),
            'started_at', p_started_at,
            'depth', 0,
            'operation', 'invoke_agent',
            'agent_name', 'clerk',
            'status', 'succeeded',
            'ended_at', p_started_at + interval '1 second',
            'attempt_no', 1,
            'metadata', jsonb_build_object()
        ) || p_values
    )).*;
$function$;

CREATE FUNCTION test_support.record_tool(p_tool text, p_side_effect text, p_replay text)
RETURNS void
LANGUAGE sql
AS $function$
    INSERT INTO agents.tool_registry (
        tool_name, tool_version, description, input_schema, side_effect, replay, approval
    )
    VALUES (p_tool, '1', 'Does ' || p_tool || '.', '{}', p_side_effect, p_replay, 'never');
$function$;

CREATE FUNCTION test_support.record_call(
    p_firm text, p_call text, p_run text, p_tool text, p_requested_at timestamptz,
    p_values jsonb DEFAULT '{}'
)
RETURNS void
LANGUAGE sql
AS $function$
    INSERT INTO agents.tool_call
    SELECT (jsonb_populate_record(
        NULL::agents.tool_call,
        jsonb_build_object(
            'firm_id', test_support.id(p_firm),
            'tool_call_id', test_support.id(p_call),
            'requested_at', p_requested_at,
            'run_id', key.run_id,
            'run_started_at', key.started_at,
            'call_no', 1,
            'attempt_no', 1,
            'tool_name', tool.tool_name,
            'tool_version', tool.tool_version,
            'definition_sha256', tool.definition_sha256,
            'status', 'succeeded',
            'started_at', p_requested_at,
            'ended_at', p_requested_at + interval '1 second',
            'approval_status', 'not_required'
        ) || p_values
    )).*
    FROM agents.agent_run_key AS key
    CROSS JOIN agents.tool_registry AS tool
    WHERE key.firm_id = test_support.id(p_firm)
        AND key.run_id = test_support.id(p_run)
        AND tool.tool_name = p_tool;
$function$;

CREATE FUNCTION test_support.record_turn(
    p_firm text, p_turn text, p_session text, p_turn_no integer, p_created_at timestamptz,
    p_text text, p_values jsonb DEFAULT '{}'
)
RETURNS void
LANGUAGE sql
AS $function$
    INSERT INTO agents.chat_session (firm_id, session_id)
    VALUES (test_support.id(p_firm), test_support.id(p_session))
    ON CONFLICT DO NOTHING;
    INSERT INTO agents.chat_turn
    SELECT (jsonb_populate_record(
        NULL::agents.chat_turn,
        jsonb_build_object(
            'firm_id', test_support.id(p_firm),
            'turn_id', test_support.id(p_turn),
            'created_at', p_created_at,
            'session_id', test_support.id(p_session),
            'turn_no', p_turn_no,
            'role', 'user',
            'status', 'complete',
            'content_format', 'text',
            'content_storage', 'inline',
            'content_inline', p_text,
            'content_sha256', sha256(convert_to(p_text, 'UTF8')),
            'content_bytes', octet_length(p_text),
            'metadata', jsonb_build_object()
        ) || p_values
    )).*;
$function$;

-- What both firms need so that every view has something to tell of each, see every_view.sql.
CREATE FUNCTION test_support.record_day_of_firm(p_firm text)
RETURNS void
LANGUAGE sql
AS $function$
    SELECT test_support.record_turn(
        p_firm, p_firm || '01', p_firm || '05', 1, '2026-06-10 12:00:00Z', 'of ' || p_firm
    );
    SELECT test_support.record_run(
        p_firm, p_firm || '10', '2026-06-10 12:00:00Z',
        jsonb_build_object(
            'session_id', test_support.id(p_firm || '05'), 'status', 'running', 'ended_at', NULL,
            'worker_id', 'w', 'heartbeat_at', '2026-06-10 12:00:01Z',
            'lease_expires_at', '2026-06-10 12:01:01Z'
        )
    );
    SELECT test_support.record_call(
        p_firm, p_firm || '21', p_firm || '10', 'tool_' || p_firm, '2026-06-10 12:00:00Z',
        '{"status": "failed", "error_type": "boom"}'
    );
    SELECT test_support.record_call(
        p_firm, p_firm || '22', p_firm || '10', 'tool_' || p_firm, '2026-06-10 12:00:00Z',
        '{"status": "unknown", "call_no": 2, "ended_at": null}'
    );
    SELECT test_support.record_call(
        p_firm, p_firm || '23', p_firm || '10', 'tool_' || p_firm, '2026-06-10 12:00:00Z',
        '{"status": "waiting_approval", "approval_status": "pending", "call_no": 3,
          "started_at": null, "ended_at": null}'
    );
$function$;

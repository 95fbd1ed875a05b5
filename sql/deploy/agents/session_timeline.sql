-- Deploy agents:session_timeline to pg
-- requires: chat_session
-- requires: agent_run
-- requires: chat_turn
-- requires: tool_call
--
-- Asked for a session, it reads its runs by agent_run_session_ix, its turns by chat_turn_turn_no_uq
-- and the calls of each run by tool_call_call_no_uq. A session may be of any month: give a span of
-- happened_at as well to read its partitions alone. Calls, and the turns that asked for them, are
-- looked for from the start of their run.
-- Locks: none beyond the new view.  Docs: docs/schema/agents.md#session-timeline

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE VIEW agents.session_timeline
WITH (security_invoker = true) AS
SELECT
    run.firm_id,
    run.session_id,
    run.started_at AS happened_at,
    'run' AS kind,
    NULL::integer AS turn_no,
    NULL::integer AS call_no,
    NULL::integer AS attempt_no,
    run.run_id,
    run.agent_name AS name,
    run.status,
    run.error_type,
    run.ended_at,
    NULL::uuid AS turn_id,
    NULL::uuid AS tool_call_id,
    NULL::text AS preview
FROM agents.agent_run AS run
WHERE run.session_id IS NOT NULL
UNION ALL
SELECT
    turn.firm_id,
    turn.session_id,
    turn.created_at,
    'turn',
    turn.turn_no,
    NULL,
    NULL,
    turn.run_id,
    turn.role,
    turn.status,
    NULL,
    NULL,
    turn.turn_id,
    NULL,
    coalesce(turn.content_preview, left(turn.content_inline, 500))
FROM agents.chat_turn AS turn
UNION ALL
SELECT
    run.firm_id,
    run.session_id,
    call.requested_at,
    'tool_call',
    -- One number, even where a caller gave two turns the same id.
    (
        SELECT min(turn.turn_no)
        FROM agents.chat_turn AS turn
        WHERE turn.firm_id = run.firm_id
            AND turn.session_id = run.session_id
            AND turn.turn_id = call.turn_id
            AND turn.created_at >= run.started_at
    ),
    call.call_no,
    call.attempt_no,
    call.run_id,
    call.tool_name,
    call.status,
    call.error_type,
    call.ended_at,
    call.turn_id,
    call.tool_call_id,
    coalesce(call.args_preview, left(call.args_inline, 500))
FROM agents.agent_run AS run
INNER JOIN agents.tool_call AS call
    ON call.firm_id = run.firm_id
    AND call.run_id = run.run_id
    AND call.run_started_at = run.started_at
    AND call.requested_at >= run.started_at
WHERE run.session_id IS NOT NULL;

COMMENT ON VIEW agents.session_timeline IS
    'What happened in a conversation: its runs, turns and tool calls. ORDER BY '
    'happened_at, turn_no NULLS FIRST, call_no NULLS FIRST, attempt_no; turns among '
    'themselves by turn_no alone, which no clock can disorder.';
COMMENT ON COLUMN agents.session_timeline.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.session_timeline.session_id IS 'The conversation.';
COMMENT ON COLUMN agents.session_timeline.happened_at IS
    'When the run started, the message was made, or the call requested.';
COMMENT ON COLUMN agents.session_timeline.kind IS 'run, turn or tool_call.';
COMMENT ON COLUMN agents.session_timeline.turn_no IS
    'Place of the message in the conversation; for a call, of the one that asked for it. '
    'NULL for a run, and for a call of which that is not known.';
COMMENT ON COLUMN agents.session_timeline.call_no IS
    'For a call: place among the calls of the run.';
COMMENT ON COLUMN agents.session_timeline.attempt_no IS 'For a call: which attempt.';
COMMENT ON COLUMN agents.session_timeline.run_id IS
    'The run. NULL for a message that no run made or read.';
COMMENT ON COLUMN agents.session_timeline.name IS
    'Who did it: the agent, the role of the speaker, or the tool.';
COMMENT ON COLUMN agents.session_timeline.status IS 'Of the run, the turn or the call.';
COMMENT ON COLUMN agents.session_timeline.error_type IS 'error.type of a run or a call.';
COMMENT ON COLUMN agents.session_timeline.ended_at IS 'When a run or call ended.';
COMMENT ON COLUMN agents.session_timeline.turn_id IS
    'The message; for a call, the one that asked for it.';
COMMENT ON COLUMN agents.session_timeline.tool_call_id IS 'The call.';
COMMENT ON COLUMN agents.session_timeline.preview IS
    'The first characters of the message, or of the arguments of the call, at most 500.';

GRANT SELECT ON agents.session_timeline TO muniment_reader, muniment_app;

COMMIT;

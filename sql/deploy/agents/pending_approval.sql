-- Deploy agents:pending_approval to pg
-- requires: agent_run
-- requires: tool_call
--
-- A call may wait from any month, so tool_call_attention_ix is asked in each; the run is found by
-- its key, in one partition. OFFSET 0 keeps it so: joined otherwise, the planner may take all runs
-- of all months instead. The view holds what a person must see before deciding, the arguments above
-- all.
-- Locks: none beyond the new view.  Docs: docs/schema/agents.md#pending-approval

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE VIEW agents.pending_approval
WITH (security_invoker = true) AS
SELECT
    call.firm_id,
    call.tool_call_id,
    call.requested_at,
    call.run_id,
    call.run_started_at,
    run.session_id,
    run.agent_name,
    run.subject_type,
    run.subject_id,
    run.actor_type,
    run.actor_id,
    call.tool_name,
    call.tool_version,
    tool.side_effect,
    call.args_storage,
    call.args_inline,
    call.args_s3_key,
    call.args_sha256,
    call.args_bytes,
    call.args_preview,
    now() - call.requested_at AS waiting,
    call.approval_expires_at,
    coalesce(call.approval_expires_at <= now(), false) AS is_expired
FROM agents.tool_call AS call
INNER JOIN agents.tool_registry AS tool
    ON tool.tool_name = call.tool_name
    AND tool.tool_version = call.tool_version
-- The month of the run may have left before that of the call. OFFSET 0: see above.
LEFT JOIN LATERAL (
    SELECT
        r.session_id, r.agent_name, r.subject_type, r.subject_id, r.actor_type, r.actor_id
    FROM agents.agent_run AS r
    WHERE r.firm_id = call.firm_id
        AND r.run_id = call.run_id
        AND r.started_at = call.run_started_at
    OFFSET 0
) AS run ON true
WHERE call.status = 'waiting_approval';

COMMENT ON VIEW agents.pending_approval IS
    'Each call that waits for approval, with what there is to decide about.';
COMMENT ON COLUMN agents.pending_approval.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.pending_approval.tool_call_id IS 'The attempt.';
COMMENT ON COLUMN agents.pending_approval.requested_at IS
    'When the model asked for the call; with firm_id and tool_call_id its primary key.';
COMMENT ON COLUMN agents.pending_approval.run_id IS 'The run.';
COMMENT ON COLUMN agents.pending_approval.run_started_at IS
    'started_at of the run; with firm_id and run_id its primary key.';
COMMENT ON COLUMN agents.pending_approval.session_id IS 'The conversation. NULL outside of one.';
COMMENT ON COLUMN agents.pending_approval.agent_name IS 'Which agent wants it.';
COMMENT ON COLUMN agents.pending_approval.subject_type IS 'What kind of thing the run is about.';
COMMENT ON COLUMN agents.pending_approval.subject_id IS 'Which one.';
COMMENT ON COLUMN agents.pending_approval.actor_type IS
    'Who asked the agent: user, service, schedule or agent.';
COMMENT ON COLUMN agents.pending_approval.actor_id IS 'Which one.';
COMMENT ON COLUMN agents.pending_approval.tool_name IS 'gen_ai.tool.name.';
COMMENT ON COLUMN agents.pending_approval.tool_version IS 'The registered version.';
COMMENT ON COLUMN agents.pending_approval.side_effect IS
    'What a call does to the world, as registered.';
COMMENT ON COLUMN agents.pending_approval.args_storage IS 'Where the arguments are: inline or s3.';
COMMENT ON COLUMN agents.pending_approval.args_inline IS 'The arguments themselves.';
COMMENT ON COLUMN agents.pending_approval.args_s3_key IS 'Their key on the shelf.';
COMMENT ON COLUMN agents.pending_approval.args_sha256 IS
    'Their hash, which the decision has to name.';
COMMENT ON COLUMN agents.pending_approval.args_bytes IS 'Their length in bytes of UTF-8.';
COMMENT ON COLUMN agents.pending_approval.args_preview IS 'Their first characters.';
COMMENT ON COLUMN agents.pending_approval.waiting IS 'For how long it has waited.';
COMMENT ON COLUMN agents.pending_approval.approval_expires_at IS
    'After this nobody can approve it. NULL: it waits for ever.';
COMMENT ON COLUMN agents.pending_approval.is_expired IS 'Whether that time is over.';

GRANT SELECT ON agents.pending_approval TO muniment_reader, muniment_app;

COMMIT;

-- Deploy agents:unknown_effect to pg
-- requires: agent_run
-- requires: tool_call
--
-- A call may be of any month, so tool_call_attention_ix is asked in each; the run is found by its
-- key, in one partition. OFFSET 0 keeps it so: joined otherwise, the planner may take all runs of
-- all months instead.
-- Locks: none beyond the new view.  Docs: docs/schema/agents.md#unknown-effect

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE VIEW agents.unknown_effect
WITH (security_invoker = true) AS
SELECT
    call.firm_id,
    call.tool_call_id,
    call.requested_at,
    call.run_id,
    call.run_started_at,
    run.agent_name,
    run.status AS run_status,
    call.call_no,
    call.attempt_no,
    call.tool_name,
    call.tool_version,
    tool.side_effect,
    tool.replay,
    call.idempotency_key,
    call.external_ref,
    call.started_at,
    call.ended_at,
    call.args_sha256,
    call.args_preview
FROM agents.tool_call AS call
INNER JOIN agents.tool_registry AS tool
    ON tool.tool_name = call.tool_name
    AND tool.tool_version = call.tool_version
-- The month of the run may have left before that of the call. OFFSET 0: see above.
LEFT JOIN LATERAL (
    SELECT r.agent_name, r.status
    FROM agents.agent_run AS r
    WHERE r.firm_id = call.firm_id
        AND r.run_id = call.run_id
        AND r.started_at = call.run_started_at
    OFFSET 0
) AS run ON true
WHERE call.status = 'unknown';

COMMENT ON VIEW agents.unknown_effect IS
    'Each call of which nobody saw the outcome: someone has to look in the outside world.';
COMMENT ON COLUMN agents.unknown_effect.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.unknown_effect.tool_call_id IS 'The attempt.';
COMMENT ON COLUMN agents.unknown_effect.requested_at IS
    'When the model asked for the call; with firm_id and tool_call_id its primary key.';
COMMENT ON COLUMN agents.unknown_effect.run_id IS 'The run.';
COMMENT ON COLUMN agents.unknown_effect.run_started_at IS
    'started_at of the run; with firm_id and run_id its primary key.';
COMMENT ON COLUMN agents.unknown_effect.agent_name IS 'Which agent called.';
COMMENT ON COLUMN agents.unknown_effect.run_status IS 'What became of the run.';
COMMENT ON COLUMN agents.unknown_effect.call_no IS 'Place among the calls of the run.';
COMMENT ON COLUMN agents.unknown_effect.attempt_no IS 'Which attempt at that call.';
COMMENT ON COLUMN agents.unknown_effect.tool_name IS 'gen_ai.tool.name.';
COMMENT ON COLUMN agents.unknown_effect.tool_version IS 'The registered version.';
COMMENT ON COLUMN agents.unknown_effect.side_effect IS
    'What a call does to the world, as registered.';
COMMENT ON COLUMN agents.unknown_effect.replay IS
    'Whether it may be made again: safe, with_key, never.';
COMMENT ON COLUMN agents.unknown_effect.idempotency_key IS
    'By which the outside world may know the call.';
COMMENT ON COLUMN agents.unknown_effect.external_ref IS
    'What the outside world calls the effect, where it got to say so.';
COMMENT ON COLUMN agents.unknown_effect.started_at IS
    'When the tool began to work. NULL when not known.';
COMMENT ON COLUMN agents.unknown_effect.ended_at IS 'When it was given up. NULL when not known.';
COMMENT ON COLUMN agents.unknown_effect.args_sha256 IS 'Hash of the arguments.';
COMMENT ON COLUMN agents.unknown_effect.args_preview IS 'Their first characters.';

GRANT SELECT ON agents.unknown_effect TO muniment_reader, muniment_app;

COMMIT;

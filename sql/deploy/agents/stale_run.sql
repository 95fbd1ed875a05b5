-- Deploy agents:stale_run to pg
-- requires: agent_run
--
-- A run may have started in any month, so agent_run_attention_ix is asked in each: it holds no
-- other than the open and the failed ones.
-- Locks: none beyond the new view.  Docs: docs/schema/agents.md#stale-run

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE VIEW agents.stale_run
WITH (security_invoker = true) AS
SELECT
    firm_id,
    run_id,
    started_at,
    session_id,
    agent_name,
    attempt_no,
    worker_id,
    heartbeat_at,
    lease_expires_at,
    now() - lease_expires_at AS overdue,
    cancel_requested_at
FROM agents.agent_run
WHERE status = 'running'
    AND lease_expires_at < now();

COMMENT ON VIEW agents.stale_run IS
    'Each run that counts as running though its lease has run out. Another worker may '
    'claim it, or the backend give it up.';
COMMENT ON COLUMN agents.stale_run.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.stale_run.run_id IS 'The run.';
COMMENT ON COLUMN agents.stale_run.started_at IS 'When the run started.';
COMMENT ON COLUMN agents.stale_run.session_id IS
    'The conversation it belongs to. NULL outside of one.';
COMMENT ON COLUMN agents.stale_run.agent_name IS 'gen_ai.agent.name.';
COMMENT ON COLUMN agents.stale_run.attempt_no IS 'How many workers have taken it.';
COMMENT ON COLUMN agents.stale_run.worker_id IS 'Who held it last.';
COMMENT ON COLUMN agents.stale_run.heartbeat_at IS 'When that worker last said that it lives.';
COMMENT ON COLUMN agents.stale_run.lease_expires_at IS 'Until when it was believed.';
COMMENT ON COLUMN agents.stale_run.overdue IS 'How long ago that was.';
COMMENT ON COLUMN agents.stale_run.cancel_requested_at IS
    'When someone asked to stop it. NULL: nobody did.';

GRANT SELECT ON agents.stale_run TO muniment_reader;

COMMIT;

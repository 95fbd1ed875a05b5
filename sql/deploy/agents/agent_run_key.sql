-- Deploy agents:agent_run_key to pg
-- requires: schema
-- requires: platform:current_tenant_id
-- requires: platform:uuid_generate_v7
-- requires: platform:forbid_change
--
-- A unique key on a partitioned table has to contain the partition column, so agent_run alone can
-- neither keep a run_id unique nor be the target of a plain reference. This small table can: it
-- holds a run's identity, its start and its idempotency key, and outlives the month of the run.
-- Locks: none beyond the new table.  Docs: docs/schema/agents.md#agent-run-key

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE TABLE agents.agent_run_key (
    firm_id         uuid        NOT NULL,
    run_id          uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    started_at      timestamptz NOT NULL,
    idempotency_key text,
    request_sha256  bytea,
    created_at      timestamptz NOT NULL DEFAULT now(),
    archived_at     timestamptz,
    live_started_at timestamptz GENERATED ALWAYS AS (
        CASE WHEN archived_at IS NULL THEN started_at END
    ) STORED,

    CONSTRAINT agent_run_key_pk PRIMARY KEY (firm_id, run_id),
    -- The target of agent_run, chat_turn and tool_call: with it none of them can name another
    -- start than the run has.
    CONSTRAINT agent_run_key_started_at_uq UNIQUE (firm_id, run_id, started_at),
    CONSTRAINT agent_run_key_idempotency_key_uq UNIQUE (firm_id, idempotency_key),
    CONSTRAINT agent_run_key_idempotency_key_ck
        CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
    CONSTRAINT agent_run_key_request_sha256_ck CHECK (octet_length(request_sha256) = 32),
    CONSTRAINT agent_run_key_times_are_finite_ck
        CHECK (isfinite(started_at) AND isfinite(created_at) AND isfinite(archived_at))
);

COMMENT ON TABLE agents.agent_run_key IS
    'The identity of each run, kept when the month of the run is dropped. Everything refers to '
    'this table, never to agent_run.';
COMMENT ON COLUMN agents.agent_run_key.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.agent_run_key.run_id IS 'The stable id of the run.';
COMMENT ON COLUMN agents.agent_run_key.started_at IS
    'When the run started; names the month, and so the partition, that holds it. Read it first, as '
    'a scalar sub-select: a join does not prune.';
COMMENT ON COLUMN agents.agent_run_key.idempotency_key IS
    'Given by the caller; the same key in a firm is the same run.';
COMMENT ON COLUMN agents.agent_run_key.request_sha256 IS
    'SHA-256 of the request that made the run: another one under the same key is refused. NULL for '
    'an import.';
COMMENT ON COLUMN agents.agent_run_key.created_at IS
    'When the run was written down, which for an import is later than it started.';
COMMENT ON COLUMN agents.agent_run_key.archived_at IS
    'When the month of the run left the database. NULL while the run is here.';
COMMENT ON COLUMN agents.agent_run_key.live_started_at IS
    'started_at while the run is here, else NULL: the column by which the key must have its run.';

CREATE TRIGGER agent_run_key_forbid_delete_tg
    BEFORE DELETE ON agents.agent_run_key
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER agent_run_key_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.agent_run_key
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.agent_run_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.agent_run_key FORCE ROW LEVEL SECURITY;

-- The owner is named too: under FORCE it would silently see nothing; this way it gets 42501.
CREATE POLICY agent_run_key_tenant ON agents.agent_run_key
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_run_key_tenant_guard ON agents.agent_run_key AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
-- The backend ends the runs of dead workers and redacts, for all firms.
CREATE POLICY agent_run_key_service ON agents.agent_run_key
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT ON agents.agent_run_key TO muniment_app, muniment_reader, muniment_service;
-- Not archived_at, with which a key would pass for one whose run has left, and not created_at,
-- which says when this was written down.
GRANT INSERT (firm_id, run_id, started_at, idempotency_key, request_sha256)
    ON agents.agent_run_key TO muniment_app;

COMMIT;

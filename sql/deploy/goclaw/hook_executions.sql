-- Deploy goclaw:hook_executions to pg
-- requires: hooks
-- requires: platform:forbid_change
--
-- The audit trail of hooks. A row outlives its hook, and the encrypted error can be taken out of it
-- when somebody has a right to be forgotten: both empty a column, and the trigger lets nothing else
-- through. A global hook is the master tenant's, to which a row of another tenant cannot refer:
-- hook_id stays NULL, and metadata names it.
-- Locks: SHARE ROW EXCLUSIVE on hooks, tenants.  Docs: docs/schema/goclaw.md#hook-executions

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.hook_executions (
    tenant_id    uuid         NOT NULL DEFAULT platform.current_tenant_id(),
    id           uuid         NOT NULL DEFAULT gen_random_uuid(),
    hook_id      uuid,
    session_id   varchar(500),
    event        varchar(32)  NOT NULL,
    -- The stated type; a CHECK keeps it from being padded.
    -- squawk-ignore ban-char-field
    input_hash   char(64),
    decision     varchar(16)  NOT NULL,
    duration_ms  integer      NOT NULL DEFAULT 0,
    retry        integer      NOT NULL DEFAULT 0,
    dedup_key    varchar(128),
    error        varchar(256),
    error_detail bytea,
    metadata     jsonb        NOT NULL DEFAULT '{}',
    created_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT hook_executions_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT hook_executions_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT hook_executions_hook_fk FOREIGN KEY (tenant_id, hook_id)
        REFERENCES goclaw.hooks (tenant_id, id) ON DELETE SET NULL (hook_id),
    CONSTRAINT hook_executions_input_hash_ck CHECK (input_hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT hook_executions_decision_ck
        CHECK (decision IN ('allow', 'block', 'error', 'timeout')),
    CONSTRAINT hook_executions_counts_ck CHECK (duration_ms >= 0 AND retry >= 0)
);

-- Stated: what hooks did in a session.
CREATE INDEX hook_executions_session_ix
    ON goclaw.hook_executions (tenant_id, session_id, created_at);

-- Serves the reference.
CREATE INDEX hook_executions_hook_id_ix
    ON goclaw.hook_executions (tenant_id, hook_id) WHERE hook_id IS NOT NULL;

-- Stated: an execution is recorded once, however often it is reported.
CREATE UNIQUE INDEX hook_executions_dedup_key_uq
    ON goclaw.hook_executions (tenant_id, dedup_key) WHERE dedup_key IS NOT NULL;

COMMENT ON TABLE goclaw.hook_executions IS
    'What a hook decided, once for each time that it ran. Append-only.';
COMMENT ON COLUMN goclaw.hook_executions.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.hook_executions.id IS 'The execution.';
COMMENT ON COLUMN goclaw.hook_executions.hook_id IS
    'The hook. NULL if it is gone, or is the master tenant''s and named in metadata.';
COMMENT ON COLUMN goclaw.hook_executions.session_id IS 'The session in which it ran.';
COMMENT ON COLUMN goclaw.hook_executions.event IS 'The event at which it ran.';
COMMENT ON COLUMN goclaw.hook_executions.input_hash IS
    'SHA-256, in hex, of the tool''s name and its sorted arguments.';
COMMENT ON COLUMN goclaw.hook_executions.decision IS
    'What came of it: allow, block, error or timeout.';
COMMENT ON COLUMN goclaw.hook_executions.duration_ms IS 'How long it took, in milliseconds.';
COMMENT ON COLUMN goclaw.hook_executions.retry IS 'How many tries of the same came before.';
COMMENT ON COLUMN goclaw.hook_executions.dedup_key IS
    'Hook and event in one: the same key is the same execution.';
COMMENT ON COLUMN goclaw.hook_executions.error IS 'The beginning of the error.';
COMMENT ON COLUMN goclaw.hook_executions.error_detail IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it. All of '
    'the error; may be emptied.';
COMMENT ON COLUMN goclaw.hook_executions.metadata IS
    'What else is known, for example http_status or trace_id.';
COMMENT ON COLUMN goclaw.hook_executions.created_at IS 'When it ran.';

-- Compared as a whole, so that a column which is added later is guarded too.
CREATE TRIGGER hook_executions_forbid_update_tg
    BEFORE UPDATE ON goclaw.hook_executions
    FOR EACH ROW
    WHEN (
        to_jsonb(OLD) - ARRAY['hook_id', 'error_detail']
            IS DISTINCT FROM to_jsonb(NEW) - ARRAY['hook_id', 'error_detail']
        OR (NEW.hook_id IS NOT NULL AND NEW.hook_id IS DISTINCT FROM OLD.hook_id)
        OR (NEW.error_detail IS NOT NULL AND NEW.error_detail IS DISTINCT FROM OLD.error_detail)
    )
    EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER hook_executions_forbid_truncate_tg
    BEFORE TRUNCATE ON goclaw.hook_executions
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE goclaw.hook_executions ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.hook_executions FORCE ROW LEVEL SECURITY;

CREATE POLICY hook_executions_tenant ON goclaw.hook_executions
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY hook_executions_tenant_guard ON goclaw.hook_executions AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT ON goclaw.hook_executions TO muniment_app;
GRANT UPDATE (error_detail) ON goclaw.hook_executions TO muniment_app;
GRANT SELECT (
    tenant_id, id, hook_id, session_id, event, input_hash, decision, duration_ms, retry,
    dedup_key, error, metadata, created_at
) ON goclaw.hook_executions TO muniment_reader;

COMMIT;

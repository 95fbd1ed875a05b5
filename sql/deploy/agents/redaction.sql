-- Deploy agents:redaction to pg
-- requires: chat_turn
-- requires: tool_call
--
-- What is left of a body that was taken away: that it was there, how long it was, its hash, where
-- it was kept, and who took it, why and when. Sealed like a run, so it cannot be made up
-- afterwards.
-- No reference to the turn or call: their months leave on their own, and this stays.
-- Locks: SHARE ROW EXCLUSIVE on agent_run_key, which the foreign key takes.
-- Docs: docs/schema/agents.md#redaction

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agents.redaction (
    firm_id        uuid        NOT NULL,
    redaction_id   uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    run_id         uuid,
    run_started_at timestamptz,
    table_name     text        NOT NULL,
    row_id         uuid        NOT NULL,
    row_at         timestamptz NOT NULL,
    body           text        NOT NULL,
    storage        text        NOT NULL,
    s3_key         text,
    sha256         bytea       NOT NULL,
    bytes          bigint      NOT NULL,
    preview_sha256 bytea,
    redacted_by    text        NOT NULL,
    reason         text        NOT NULL,
    redacted_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT redaction_pk PRIMARY KEY (firm_id, redaction_id),
    -- A body is taken away once. An id alone is not unique: it is with the time of its row.
    CONSTRAINT redaction_body_uq UNIQUE (firm_id, row_id, row_at, body),
    CONSTRAINT redaction_run_fk FOREIGN KEY (firm_id, run_id, run_started_at)
        REFERENCES agents.agent_run_key (firm_id, run_id, started_at) ON DELETE RESTRICT,
    CONSTRAINT redaction_run_is_whole_ck CHECK ((run_id IS NULL) = (run_started_at IS NULL)),
    CONSTRAINT redaction_body_ck
        CHECK (
            (table_name, body) IN (
                ('chat_turn', 'content'), ('tool_call', 'args'), ('tool_call', 'result')
            )
        ),
    CONSTRAINT redaction_storage_ck
        CHECK (
            CASE storage
                WHEN 'inline' THEN s3_key IS NULL
                WHEN 's3' THEN s3_key IS NOT NULL
                ELSE false
            END
        ),
    CONSTRAINT redaction_sha256_ck
        CHECK (octet_length(sha256) = 32 AND octet_length(preview_sha256) = 32),
    CONSTRAINT redaction_bytes_ck CHECK (bytes >= 0),
    CONSTRAINT redaction_redacted_by_ck CHECK (char_length(redacted_by) BETWEEN 1 AND 200),
    CONSTRAINT redaction_reason_ck CHECK (char_length(reason) BETWEEN 1 AND 1000),
    CONSTRAINT redaction_times_are_finite_ck CHECK (isfinite(row_at) AND isfinite(redacted_at))
);

-- What was taken from one run; also serves the reference.
CREATE INDEX redaction_run_ix ON agents.redaction (firm_id, run_id) WHERE run_id IS NOT NULL;

COMMENT ON TABLE agents.redaction IS
    'A body that was taken away: what is left of it, who took it, why and when.';
COMMENT ON COLUMN agents.redaction.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.redaction.redaction_id IS 'The id of the redaction.';
COMMENT ON COLUMN agents.redaction.run_id IS 'The run of the turn or call. NULL before any run.';
COMMENT ON COLUMN agents.redaction.run_started_at IS 'started_at of that run.';
COMMENT ON COLUMN agents.redaction.table_name IS 'Where the body was: chat_turn or tool_call.';
COMMENT ON COLUMN agents.redaction.row_id IS 'turn_id or tool_call_id.';
COMMENT ON COLUMN agents.redaction.row_at IS
    'created_at of the turn, requested_at of the call: names the partition.';
COMMENT ON COLUMN agents.redaction.body IS 'content, args or result.';
COMMENT ON COLUMN agents.redaction.storage IS 'Where the body was kept: inline or s3.';
COMMENT ON COLUMN agents.redaction.s3_key IS
    'The object on the shelf, which the next sweep takes unless another row still names it.';
COMMENT ON COLUMN agents.redaction.sha256 IS 'SHA-256 of the UTF-8 bytes; the row keeps it too.';
COMMENT ON COLUMN agents.redaction.bytes IS 'Length in bytes of UTF-8; the row keeps it too.';
COMMENT ON COLUMN agents.redaction.preview_sha256 IS
    'SHA-256 of the preview, which went too: the seal of the run covers it. NULL without one.';
COMMENT ON COLUMN agents.redaction.redacted_by IS 'Who did it, as their own system names them.';
COMMENT ON COLUMN agents.redaction.reason IS 'Why, in their words.';
COMMENT ON COLUMN agents.redaction.redacted_at IS 'When.';

CREATE TRIGGER redaction_forbid_update_tg
    BEFORE UPDATE ON agents.redaction
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER redaction_forbid_delete_tg
    BEFORE DELETE ON agents.redaction
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER redaction_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.redaction
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.redaction ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.redaction FORCE ROW LEVEL SECURITY;

-- The owner is named too: under FORCE it would silently see nothing; this way it gets 42501.
CREATE POLICY redaction_tenant ON agents.redaction
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE POLICY redaction_tenant_guard ON agents.redaction AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
-- The backend redacts, for all firms.
CREATE POLICY redaction_service ON agents.redaction
    TO muniment_service
    USING (true)
    WITH CHECK (true);

-- A runtime writes no redaction, so a body that it takes away is one that nobody redacted.
GRANT SELECT ON agents.redaction TO muniment_app, muniment_reader, muniment_service;
GRANT INSERT (
    firm_id, run_id, run_started_at, table_name, row_id, row_at, body, storage, s3_key, sha256,
    bytes, preview_sha256, redacted_by, reason
) ON agents.redaction TO muniment_service;

COMMIT;

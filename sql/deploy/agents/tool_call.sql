-- Deploy agents:tool_call to pg
-- requires: agent_run_key
-- requires: tool_registry
--
-- A retry is a new row with the next attempt_no, never an update: cost and latency of the failed
-- try stay on the books. The reference to the registry carries the hash of the definition, so a
-- call names what the model was told, and no registered version can be rewritten under it.
-- Partitioned by requested_at: a call that waits for approval has not started.
-- Locks: SHARE ROW EXCLUSIVE on agent_run_key and tool_registry, which the foreign keys take.
-- Docs: docs/schema/agents.md#tool-call

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agents.tool_call (
    firm_id              uuid        NOT NULL,
    tool_call_id         uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    requested_at         timestamptz NOT NULL DEFAULT now(),
    run_id               uuid        NOT NULL,
    run_started_at       timestamptz NOT NULL,
    turn_id              uuid,
    call_no              integer     NOT NULL,
    attempt_no           integer     NOT NULL DEFAULT 1,
    provider_call_id     text,
    tool_name            text        NOT NULL,
    tool_version         text        NOT NULL,
    definition_sha256    bytea       NOT NULL,
    idempotency_key      text,
    status               text        NOT NULL DEFAULT 'requested',
    started_at           timestamptz,
    ended_at             timestamptz,
    error_type           text,
    error_message        text,
    is_error_retryable   boolean,
    approval_status      text        NOT NULL DEFAULT 'not_required',
    approval_expires_at  timestamptz,
    approval_decided_by  text,
    approval_decided_at  timestamptz,
    approval_reason      text,
    approval_args_sha256 bytea,
    child_run_id         uuid,
    external_ref         text,
    cost_usd             numeric(18,9),
    span_id              text,
    args_storage         text,
    args_inline          text,
    args_s3_key          text,
    args_sha256          bytea,
    args_bytes           bigint,
    args_preview         text,
    result_storage       text,
    result_inline        text,
    result_s3_key        text,
    result_sha256        bytea,
    result_bytes         bigint,
    result_preview       text,

    CONSTRAINT tool_call_pk PRIMARY KEY (firm_id, tool_call_id, requested_at),
    CONSTRAINT tool_call_call_no_uq
        UNIQUE (firm_id, run_id, call_no, attempt_no, requested_at),
    CONSTRAINT tool_call_run_fk FOREIGN KEY (firm_id, run_id, run_started_at)
        REFERENCES agents.agent_run_key (firm_id, run_id, started_at) ON DELETE RESTRICT,
    CONSTRAINT tool_call_child_run_fk FOREIGN KEY (firm_id, child_run_id)
        REFERENCES agents.agent_run_key (firm_id, run_id) ON DELETE RESTRICT,
    CONSTRAINT tool_call_definition_fk FOREIGN KEY (tool_name, tool_version, definition_sha256)
        REFERENCES agents.tool_registry (tool_name, tool_version, definition_sha256)
        ON DELETE RESTRICT,

    CONSTRAINT tool_call_call_no_ck CHECK (call_no >= 1),
    CONSTRAINT tool_call_attempt_no_ck CHECK (attempt_no >= 1),
    CONSTRAINT tool_call_child_is_another_run_ck CHECK (child_run_id <> run_id),
    CONSTRAINT tool_call_idempotency_key_ck
        CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
    CONSTRAINT tool_call_status_ck
        CHECK (status IN (
            'requested', 'waiting_approval', 'denied', 'running', 'succeeded', 'failed',
            'timed_out', 'cancelled', 'unknown'
        )),
    CONSTRAINT tool_call_running_has_started_ck
        CHECK (status <> 'running' OR started_at IS NOT NULL),
    CONSTRAINT tool_call_not_yet_started_ck
        CHECK (status NOT IN ('requested', 'waiting_approval', 'denied') OR started_at IS NULL),
    -- unknown may stand without an end: nobody saw one.
    CONSTRAINT tool_call_ended_when_over_ck
        CHECK (
            CASE status
                WHEN 'requested' THEN ended_at IS NULL
                WHEN 'waiting_approval' THEN ended_at IS NULL
                WHEN 'running' THEN ended_at IS NULL
                WHEN 'unknown' THEN true
                ELSE ended_at IS NOT NULL
            END
        ),
    CONSTRAINT tool_call_times_in_order_ck
        CHECK (
            requested_at >= run_started_at
            AND started_at >= requested_at
            AND ended_at >= coalesce(started_at, requested_at)
        ),
    CONSTRAINT tool_call_failed_has_error_ck
        CHECK (status <> 'failed' OR error_type IS NOT NULL),
    CONSTRAINT tool_call_error_message_ck CHECK (octet_length(error_message) <= 2048),
    CONSTRAINT tool_call_result_when_over_ck
        CHECK (result_storage IS NULL OR ended_at IS NOT NULL),
    CONSTRAINT tool_call_approval_status_ck
        CHECK (approval_status IN
            ('not_required', 'pending', 'approved', 'denied', 'expired', 'not_recorded')),
    CONSTRAINT tool_call_approval_fits_status_ck
        CHECK (
            CASE approval_status
                WHEN 'pending' THEN status = 'waiting_approval'
                WHEN 'denied' THEN status = 'denied'
                WHEN 'expired' THEN status IN ('denied', 'cancelled')
                ELSE status NOT IN ('waiting_approval', 'denied')
            END
        ),
    CONSTRAINT tool_call_approval_is_signed_ck
        CHECK (
            CASE approval_status
                WHEN 'approved' THEN num_nulls(approval_decided_by, approval_decided_at) = 0
                WHEN 'denied' THEN num_nulls(approval_decided_by, approval_decided_at) = 0
                ELSE num_nonnulls(approval_decided_by, approval_decided_at) = 0
            END
        ),
    -- What was approved is what runs. Without a hash on either side nothing was approved.
    CONSTRAINT tool_call_approved_args_ck
        CHECK (
            approval_status <> 'approved'
            OR (
                num_nulls(approval_args_sha256, args_sha256) = 0
                AND approval_args_sha256 = args_sha256
            )
        ),
    CONSTRAINT tool_call_cost_usd_ck CHECK (cost_usd >= 0 AND cost_usd <> 'NaN'),
    CONSTRAINT tool_call_span_id_ck CHECK (span_id ~ '^[0-9a-f]{16}$'),
    CONSTRAINT tool_call_args_storage_ck
        CHECK (args_storage IN ('inline', 's3', 'redacted')),
    CONSTRAINT tool_call_args_place_ck
        CHECK (
            CASE args_storage
                WHEN 'inline' THEN
                    num_nulls(args_inline, args_sha256, args_bytes) = 0
                    AND args_s3_key IS NULL
                WHEN 's3' THEN
                    num_nulls(args_s3_key, args_sha256, args_bytes) = 0
                    AND args_inline IS NULL
                WHEN 'redacted' THEN
                    num_nulls(args_sha256, args_bytes) = 0
                    AND num_nonnulls(args_inline, args_s3_key, args_preview) = 0
                ELSE
                    num_nonnulls(
                        args_storage, args_inline, args_s3_key, args_sha256,
                        args_bytes, args_preview
                    ) = 0
            END
        ),
    CONSTRAINT tool_call_args_inline_ck
        CHECK (
            args_inline IS NULL
            OR (
                args_bytes <= 32768
                AND args_bytes = octet_length(convert_to(args_inline, 'UTF8'))
                AND args_sha256 = sha256(convert_to(args_inline, 'UTF8'))
            )
        ),
    CONSTRAINT tool_call_args_s3_key_ck
        CHECK (
            args_s3_key IS NULL
            OR args_s3_key = format(
                'agents/%s/%s/%s/args/%s.json',
                firm_id,
                to_char(run_started_at AT TIME ZONE 'UTC', 'YYYYMM'),
                run_id,
                encode(args_sha256, 'hex')
            )
        ),
    CONSTRAINT tool_call_args_sha256_ck CHECK (octet_length(args_sha256) = 32),
    CONSTRAINT tool_call_args_bytes_ck CHECK (args_bytes >= 0),
    CONSTRAINT tool_call_args_preview_ck CHECK (char_length(args_preview) <= 500),
    CONSTRAINT tool_call_result_storage_ck
        CHECK (result_storage IN ('inline', 's3', 'redacted')),
    CONSTRAINT tool_call_result_place_ck
        CHECK (
            CASE result_storage
                WHEN 'inline' THEN
                    num_nulls(result_inline, result_sha256, result_bytes) = 0
                    AND result_s3_key IS NULL
                WHEN 's3' THEN
                    num_nulls(result_s3_key, result_sha256, result_bytes) = 0
                    AND result_inline IS NULL
                WHEN 'redacted' THEN
                    num_nulls(result_sha256, result_bytes) = 0
                    AND num_nonnulls(result_inline, result_s3_key, result_preview) = 0
                ELSE
                    num_nonnulls(
                        result_storage, result_inline, result_s3_key, result_sha256,
                        result_bytes, result_preview
                    ) = 0
            END
        ),
    CONSTRAINT tool_call_result_inline_ck
        CHECK (
            result_inline IS NULL
            OR (
                result_bytes <= 32768
                AND result_bytes = octet_length(convert_to(result_inline, 'UTF8'))
                AND result_sha256 = sha256(convert_to(result_inline, 'UTF8'))
            )
        ),
    CONSTRAINT tool_call_result_s3_key_ck
        CHECK (
            result_s3_key IS NULL
            OR result_s3_key = format(
                'agents/%s/%s/%s/result/%s.json',
                firm_id,
                to_char(run_started_at AT TIME ZONE 'UTC', 'YYYYMM'),
                run_id,
                encode(result_sha256, 'hex')
            )
        ),
    CONSTRAINT tool_call_result_sha256_ck CHECK (octet_length(result_sha256) = 32),
    CONSTRAINT tool_call_result_bytes_ck CHECK (result_bytes >= 0),
    CONSTRAINT tool_call_result_preview_ck CHECK (char_length(result_preview) <= 500),
    CONSTRAINT tool_call_times_are_finite_ck
        CHECK (
            isfinite(requested_at) AND isfinite(started_at) AND isfinite(ended_at)
            AND isfinite(approval_expires_at) AND isfinite(approval_decided_at)
        )
) PARTITION BY RANGE (requested_at);

CREATE TABLE agents.tool_call_p202605 PARTITION OF agents.tool_call
    FOR VALUES FROM ('2026-05-01 00:00:00+00') TO ('2026-06-01 00:00:00+00');
CREATE TABLE agents.tool_call_p202606 PARTITION OF agents.tool_call
    FOR VALUES FROM ('2026-06-01 00:00:00+00') TO ('2026-07-01 00:00:00+00');
CREATE TABLE agents.tool_call_p202607 PARTITION OF agents.tool_call
    FOR VALUES FROM ('2026-07-01 00:00:00+00') TO ('2026-08-01 00:00:00+00');

-- Failures and durations of one tool; also serves the reference to the registry.
CREATE INDEX tool_call_definition_ix
    ON agents.tool_call (firm_id, tool_name, tool_version, requested_at);

CREATE INDEX tool_call_child_run_ix ON agents.tool_call (firm_id, child_run_id)
    WHERE child_run_id IS NOT NULL;

-- Was this already done? Asked before each call that carries a key.
CREATE INDEX tool_call_idempotency_key_ix
    ON agents.tool_call (firm_id, run_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- Calls that wait, run, went wrong or may have had an effect: the ones that are looked for.
CREATE INDEX tool_call_attention_ix ON agents.tool_call (firm_id, status, requested_at)
    WHERE status IN
        ('requested', 'waiting_approval', 'running', 'failed', 'timed_out', 'unknown');

COMMENT ON TABLE agents.tool_call IS
    'One attempt of a run to call a tool, partitioned by month of requested_at.';
COMMENT ON COLUMN agents.tool_call.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.tool_call.tool_call_id IS 'The id of the attempt.';
COMMENT ON COLUMN agents.tool_call.requested_at IS
    'When the model asked for the call; names the partition and never changes.';
COMMENT ON COLUMN agents.tool_call.run_id IS 'The run that made the call.';
COMMENT ON COLUMN agents.tool_call.run_started_at IS
    'started_at of that run: its partition, and the month in the S3 keys.';
COMMENT ON COLUMN agents.tool_call.turn_id IS
    'The assistant turn that asked for it. No foreign key: turn and call may be in different '
    'months, which leave on their own.';
COMMENT ON COLUMN agents.tool_call.call_no IS 'Place among the calls of the run, from 1.';
COMMENT ON COLUMN agents.tool_call.attempt_no IS
    'Starts at 1; a retry is a new row with the same call_no and the next number.';
COMMENT ON COLUMN agents.tool_call.provider_call_id IS
    'gen_ai.tool.call.id. Models mint a new one for a retry, so it identifies nothing here.';
COMMENT ON COLUMN agents.tool_call.tool_name IS 'gen_ai.tool.name.';
COMMENT ON COLUMN agents.tool_call.tool_version IS 'The registered version.';
COMMENT ON COLUMN agents.tool_call.definition_sha256 IS
    'Fingerprint of the definition that the model saw, as registered.';
COMMENT ON COLUMN agents.tool_call.idempotency_key IS
    'Given by the caller: the same key in a run is the same effect.';
COMMENT ON COLUMN agents.tool_call.status IS
    'requested, waiting_approval, running; then denied, succeeded, failed, timed_out, cancelled, '
    'or unknown: an effect may have happened.';
COMMENT ON COLUMN agents.tool_call.started_at IS
    'When the tool began to work. NULL before, or when not known.';
COMMENT ON COLUMN agents.tool_call.ended_at IS 'When the outcome was there.';
COMMENT ON COLUMN agents.tool_call.error_type IS 'error.type: a word to count by, not a message.';
COMMENT ON COLUMN agents.tool_call.error_message IS 'What happened, at most 2,048 bytes.';
COMMENT ON COLUMN agents.tool_call.is_error_retryable IS
    'Whether trying again may help. NULL when not known.';
COMMENT ON COLUMN agents.tool_call.approval_status IS
    'not_required, pending, approved, denied, expired; not_recorded for an imported call.';
COMMENT ON COLUMN agents.tool_call.approval_expires_at IS
    'After this a pending approval counts as expired.';
COMMENT ON COLUMN agents.tool_call.approval_decided_by IS
    'Who approved or denied, as their own system names them.';
COMMENT ON COLUMN agents.tool_call.approval_decided_at IS 'When they did.';
COMMENT ON COLUMN agents.tool_call.approval_reason IS 'Why, in their words.';
COMMENT ON COLUMN agents.tool_call.approval_args_sha256 IS
    'Hash of the arguments that were approved; must be that of the arguments.';
COMMENT ON COLUMN agents.tool_call.child_run_id IS
    'The run of a subagent that was called as a tool.';
COMMENT ON COLUMN agents.tool_call.external_ref IS
    'What the outside world calls the effect, for example the id of a message or payment.';
COMMENT ON COLUMN agents.tool_call.cost_usd IS
    'Exact price in US dollars. NULL when not priced, which is not free.';
COMMENT ON COLUMN agents.tool_call.span_id IS 'W3C span id: 16 hex digits.';
COMMENT ON COLUMN agents.tool_call.args_storage IS
    'Where the text of the arguments is: inline or s3; redacted when it was taken away, and only '
    'its hash and length are left. NULL with the other args columns when there is none.';
COMMENT ON COLUMN agents.tool_call.args_inline IS 'The text itself, up to 32,768 bytes of UTF-8.';
COMMENT ON COLUMN agents.tool_call.args_s3_key IS
    'agents/{firm_id}/{yyyymm of the run}/{run_id}/args/{sha256}.json; can only be of this row.';
COMMENT ON COLUMN agents.tool_call.args_sha256 IS
    'SHA-256 of the UTF-8 bytes. The database proves it for inline bodies, the reader for s3.';
COMMENT ON COLUMN agents.tool_call.args_bytes IS 'Length in bytes of UTF-8.';
COMMENT ON COLUMN agents.tool_call.args_preview IS
    'The first characters, at most 500, for reading without the shelf.';
COMMENT ON COLUMN agents.tool_call.result_storage IS
    'Where the text of the result is: inline or s3; redacted when it was taken away, and only its '
    'hash and length are left. NULL with the other result columns when there is none.';
COMMENT ON COLUMN agents.tool_call.result_inline IS 'The text itself, up to 32,768 bytes of UTF-8.';
COMMENT ON COLUMN agents.tool_call.result_s3_key IS
    'agents/{firm_id}/{yyyymm of the run}/{run_id}/result/{sha256}.json; can only be of this row.';
COMMENT ON COLUMN agents.tool_call.result_sha256 IS
    'SHA-256 of the UTF-8 bytes. The database proves it for inline bodies, the reader for s3.';
COMMENT ON COLUMN agents.tool_call.result_bytes IS 'Length in bytes of UTF-8.';
COMMENT ON COLUMN agents.tool_call.result_preview IS
    'The first characters, at most 500, for reading without the shelf.';

CREATE TRIGGER tool_call_forbid_delete_tg
    BEFORE DELETE ON agents.tool_call
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER tool_call_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.tool_call
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.tool_call ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.tool_call FORCE ROW LEVEL SECURITY;

-- The owner is named too: under FORCE it would silently see nothing; this way it gets 42501.
CREATE POLICY tool_call_tenant ON agents.tool_call
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE POLICY tool_call_tenant_guard ON agents.tool_call AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
-- The backend ends the runs of dead workers and redacts, for all firms.
CREATE POLICY tool_call_service ON agents.tool_call
    TO muniment_service
    USING (true)
    WITH CHECK (true);

-- A partition is born without row security. Nobody is granted one; forcing it and naming the
-- owner means that a stray grant or an owner at a prompt still gets nothing. Nor does it inherit
-- the parent's trigger on TRUNCATE, as it does the one on DELETE.
ALTER TABLE agents.tool_call_p202605 ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.tool_call_p202605 FORCE ROW LEVEL SECURITY;
CREATE POLICY tool_call_p202605_owner ON agents.tool_call_p202605
    TO muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE TRIGGER tool_call_p202605_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.tool_call_p202605
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.tool_call_p202606 ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.tool_call_p202606 FORCE ROW LEVEL SECURITY;
CREATE POLICY tool_call_p202606_owner ON agents.tool_call_p202606
    TO muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE TRIGGER tool_call_p202606_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.tool_call_p202606
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.tool_call_p202607 ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.tool_call_p202607 FORCE ROW LEVEL SECURITY;
CREATE POLICY tool_call_p202607_owner ON agents.tool_call_p202607
    TO muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE TRIGGER tool_call_p202607_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.tool_call_p202607
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

GRANT SELECT, INSERT ON agents.tool_call TO muniment_app;
GRANT SELECT ON agents.tool_call TO muniment_reader, muniment_service;
-- What becomes of a call, never what was asked for; guard_tool_call says in which order.
GRANT UPDATE (
    status, started_at, ended_at, error_type, error_message, is_error_retryable, approval_status,
    approval_decided_by, approval_decided_at, approval_reason, approval_args_sha256, child_run_id,
    external_ref, cost_usd, result_storage, result_inline, result_s3_key, result_sha256,
    result_bytes, result_preview
) ON agents.tool_call TO muniment_app;
-- To end the calls of dead workers, and to take a body away and leave its hash.
GRANT UPDATE (
    status, ended_at, error_type, error_message, is_error_retryable, approval_status, args_storage,
    args_inline, args_s3_key, args_preview, result_storage, result_inline, result_s3_key,
    result_preview
) ON agents.tool_call TO muniment_service;

COMMIT;

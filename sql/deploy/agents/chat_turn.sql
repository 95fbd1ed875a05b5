-- Deploy agents:chat_turn to pg
-- requires: agent_run_key
-- requires: chat_session
--
-- One row a message. run_started_at stands beside run_id so that the foreign key proves the month
-- in the S3 key, and so that a reader finds the run's partition without asking.
-- Locks: SHARE ROW EXCLUSIVE on agent_run_key and chat_session, which the foreign keys take.
-- Docs: docs/schema/agents.md#chat-turn

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agents.chat_turn (
    firm_id            uuid        NOT NULL,
    turn_id            uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    created_at         timestamptz NOT NULL DEFAULT now(),
    session_id         uuid        NOT NULL,
    turn_no            integer     NOT NULL,
    run_id             uuid,
    run_started_at     timestamptz,
    role               text        NOT NULL,
    author_id          text,
    status             text        NOT NULL DEFAULT 'complete',
    response_id        text,
    response_model     text,
    finish_reason      text,
    latency_ms         integer,
    input_tokens       bigint,
    output_tokens      bigint,
    cache_read_tokens  bigint,
    cache_write_tokens bigint,
    reasoning_tokens   bigint,
    cost_usd           numeric(18,9),
    content_format     text        NOT NULL DEFAULT 'text',
    content_storage    text,
    content_inline     text,
    content_s3_key     text,
    content_sha256     bytea,
    content_bytes      bigint,
    content_preview    text,
    metadata           jsonb       NOT NULL DEFAULT '{}',

    CONSTRAINT chat_turn_pk PRIMARY KEY (firm_id, turn_id, created_at),
    CONSTRAINT chat_turn_turn_no_uq UNIQUE (firm_id, session_id, turn_no, created_at),
    CONSTRAINT chat_turn_session_fk FOREIGN KEY (firm_id, session_id)
        REFERENCES agents.chat_session (firm_id, session_id) ON DELETE RESTRICT,
    CONSTRAINT chat_turn_run_fk FOREIGN KEY (firm_id, run_id, run_started_at)
        REFERENCES agents.agent_run_key (firm_id, run_id, started_at) ON DELETE RESTRICT,

    -- Half a reference would not be checked at all.
    CONSTRAINT chat_turn_run_is_whole_ck CHECK ((run_id IS NULL) = (run_started_at IS NULL)),
    -- So the turns of a run are found from its start on, without a look at earlier months.
    CONSTRAINT chat_turn_not_before_run_ck CHECK (created_at >= run_started_at),
    CONSTRAINT chat_turn_turn_no_ck CHECK (turn_no >= 1),
    CONSTRAINT chat_turn_role_ck CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    CONSTRAINT chat_turn_status_ck CHECK (status IN ('complete', 'partial', 'error')),
    CONSTRAINT chat_turn_latency_ms_ck CHECK (latency_ms >= 0),
    CONSTRAINT chat_turn_tokens_ck
        CHECK (
            input_tokens >= 0 AND output_tokens >= 0 AND cache_read_tokens >= 0
            AND cache_write_tokens >= 0 AND reasoning_tokens >= 0
        ),
    -- OpenTelemetry: input includes what the cache read and wrote, output includes reasoning.
    CONSTRAINT chat_turn_input_includes_cache_ck
        CHECK (
            coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)
            <= coalesce(input_tokens, 0)
        ),
    CONSTRAINT chat_turn_output_includes_reasoning_ck
        CHECK (coalesce(reasoning_tokens, 0) <= coalesce(output_tokens, 0)),
    CONSTRAINT chat_turn_cost_usd_ck CHECK (cost_usd >= 0 AND cost_usd <> 'NaN'),
    CONSTRAINT chat_turn_content_format_ck CHECK (content_format IN ('text', 'parts')),
    CONSTRAINT chat_turn_content_storage_ck
        CHECK (content_storage IN ('inline', 's3', 'redacted')),
    CONSTRAINT chat_turn_content_place_ck
        CHECK (
            CASE content_storage
                WHEN 'inline' THEN
                    num_nulls(content_inline, content_sha256, content_bytes) = 0
                    AND content_s3_key IS NULL
                WHEN 's3' THEN
                    num_nulls(content_s3_key, content_sha256, content_bytes) = 0
                    AND content_inline IS NULL
                WHEN 'redacted' THEN
                    num_nulls(content_sha256, content_bytes) = 0
                    AND num_nonnulls(content_inline, content_s3_key, content_preview) = 0
                ELSE
                    num_nonnulls(
                        content_storage, content_inline, content_s3_key, content_sha256,
                        content_bytes, content_preview
                    ) = 0
            END
        ),
    CONSTRAINT chat_turn_content_inline_ck
        CHECK (
            content_inline IS NULL
            OR (
                content_bytes <= 32768
                AND content_bytes = octet_length(convert_to(content_inline, 'UTF8'))
                AND content_sha256 = sha256(convert_to(content_inline, 'UTF8'))
            )
        ),
    CONSTRAINT chat_turn_content_s3_key_ck
        CHECK (
            content_s3_key IS NULL
            OR (
                run_id IS NOT NULL
                AND content_s3_key = format(
                    'agents/%s/%s/%s/content/%s.json',
                    firm_id,
                    to_char(run_started_at AT TIME ZONE 'UTC', 'YYYYMM'),
                    run_id,
                    encode(content_sha256, 'hex')
                )
            )
        ),
    CONSTRAINT chat_turn_content_sha256_ck CHECK (octet_length(content_sha256) = 32),
    CONSTRAINT chat_turn_content_bytes_ck CHECK (content_bytes >= 0),
    CONSTRAINT chat_turn_content_preview_ck CHECK (char_length(content_preview) <= 500),
    CONSTRAINT chat_turn_times_are_finite_ck CHECK (isfinite(created_at)),
    CONSTRAINT chat_turn_metadata_ck
        CHECK (jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 8192)
) PARTITION BY RANGE (created_at);

CREATE TABLE agents.chat_turn_p202605 PARTITION OF agents.chat_turn
    FOR VALUES FROM ('2026-05-01 00:00:00+00') TO ('2026-06-01 00:00:00+00');
CREATE TABLE agents.chat_turn_p202606 PARTITION OF agents.chat_turn
    FOR VALUES FROM ('2026-06-01 00:00:00+00') TO ('2026-07-01 00:00:00+00');
CREATE TABLE agents.chat_turn_p202607 PARTITION OF agents.chat_turn
    FOR VALUES FROM ('2026-07-01 00:00:00+00') TO ('2026-08-01 00:00:00+00');

-- The turns of one run.
CREATE INDEX chat_turn_run_ix ON agents.chat_turn (firm_id, run_id) WHERE run_id IS NOT NULL;

COMMENT ON TABLE agents.chat_turn IS
    'One message of a conversation, partitioned by month of created_at.';
COMMENT ON COLUMN agents.chat_turn.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.chat_turn.turn_id IS 'The id of the message.';
COMMENT ON COLUMN agents.chat_turn.created_at IS
    'When the message was made; names the partition and never changes.';
COMMENT ON COLUMN agents.chat_turn.session_id IS
    'The conversation (gen_ai.conversation.id).';
COMMENT ON COLUMN agents.chat_turn.turn_no IS
    'Place in the conversation, from 1. Order by this, never by time.';
COMMENT ON COLUMN agents.chat_turn.run_id IS
    'The run that made or read the message. NULL before any run.';
COMMENT ON COLUMN agents.chat_turn.run_started_at IS
    'started_at of that run: its partition, and the month in the S3 key.';
COMMENT ON COLUMN agents.chat_turn.role IS 'Who speaks: system, user, assistant or tool.';
COMMENT ON COLUMN agents.chat_turn.author_id IS
    'Which user, assistant or tool it was, as its own system names it.';
COMMENT ON COLUMN agents.chat_turn.status IS
    'complete, partial (cut off) or error.';
COMMENT ON COLUMN agents.chat_turn.response_id IS 'gen_ai.response.id.';
COMMENT ON COLUMN agents.chat_turn.response_model IS 'gen_ai.response.model.';
COMMENT ON COLUMN agents.chat_turn.finish_reason IS 'gen_ai.response.finish_reasons, the last.';
COMMENT ON COLUMN agents.chat_turn.latency_ms IS
    'From the request to the end of the answer, in milliseconds.';
COMMENT ON COLUMN agents.chat_turn.input_tokens IS
    'gen_ai.usage.input_tokens, cache included. NULL when not reported, which is not 0.';
COMMENT ON COLUMN agents.chat_turn.output_tokens IS
    'gen_ai.usage.output_tokens, reasoning included. NULL when not reported.';
COMMENT ON COLUMN agents.chat_turn.cache_read_tokens IS
    'gen_ai.usage.cache_read.input_tokens: part of input_tokens.';
COMMENT ON COLUMN agents.chat_turn.cache_write_tokens IS
    'gen_ai.usage.cache_creation.input_tokens: part of input_tokens.';
COMMENT ON COLUMN agents.chat_turn.reasoning_tokens IS
    'gen_ai.usage.reasoning.output_tokens: part of output_tokens.';
COMMENT ON COLUMN agents.chat_turn.cost_usd IS
    'Exact price in US dollars. NULL when not priced, which is not free.';
COMMENT ON COLUMN agents.chat_turn.content_format IS
    'text, or parts: a JSON array of content parts as the model saw it.';
COMMENT ON COLUMN agents.chat_turn.content_storage IS
    'Where the message is: inline or s3; redacted when it was taken away, and only its hash and '
    'length are left. NULL with the other content columns when there is none.';
COMMENT ON COLUMN agents.chat_turn.content_inline IS
    'The text itself, up to 32,768 bytes of UTF-8.';
COMMENT ON COLUMN agents.chat_turn.content_s3_key IS
    'agents/{firm_id}/{yyyymm of the run}/{run_id}/content/{sha256}.json; can only be of this row.';
COMMENT ON COLUMN agents.chat_turn.content_sha256 IS
    'SHA-256 of the UTF-8 bytes. The database proves it for inline bodies, the reader for s3.';
COMMENT ON COLUMN agents.chat_turn.content_bytes IS 'Length in bytes of UTF-8.';
COMMENT ON COLUMN agents.chat_turn.content_preview IS
    'The first characters, at most 500, for reading without the shelf.';
COMMENT ON COLUMN agents.chat_turn.metadata IS
    'Small facts of the caller, at most 8 KiB of JSON.';

CREATE TRIGGER chat_turn_forbid_delete_tg
    BEFORE DELETE ON agents.chat_turn
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER chat_turn_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.chat_turn
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.chat_turn ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.chat_turn FORCE ROW LEVEL SECURITY;

-- The owner is named too: under FORCE it would silently see nothing; this way it gets 42501.
CREATE POLICY chat_turn_tenant ON agents.chat_turn
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE POLICY chat_turn_tenant_guard ON agents.chat_turn AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
-- The backend ends the runs of dead workers and redacts, for all firms.
CREATE POLICY chat_turn_service ON agents.chat_turn
    TO muniment_service
    USING (true)
    WITH CHECK (true);

-- A partition is born without row security. Nobody is granted one; forcing it and naming the
-- owner means that a stray grant or an owner at a prompt still gets nothing. Nor does it inherit
-- the parent's trigger on TRUNCATE, as it does the one on DELETE.
ALTER TABLE agents.chat_turn_p202605 ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.chat_turn_p202605 FORCE ROW LEVEL SECURITY;
CREATE POLICY chat_turn_p202605_owner ON agents.chat_turn_p202605
    TO muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE TRIGGER chat_turn_p202605_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.chat_turn_p202605
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.chat_turn_p202606 ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.chat_turn_p202606 FORCE ROW LEVEL SECURITY;
CREATE POLICY chat_turn_p202606_owner ON agents.chat_turn_p202606
    TO muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE TRIGGER chat_turn_p202606_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.chat_turn_p202606
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.chat_turn_p202607 ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.chat_turn_p202607 FORCE ROW LEVEL SECURITY;
CREATE POLICY chat_turn_p202607_owner ON agents.chat_turn_p202607
    TO muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE TRIGGER chat_turn_p202607_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.chat_turn_p202607
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

GRANT SELECT, INSERT ON agents.chat_turn TO muniment_app;
GRANT SELECT ON agents.chat_turn TO muniment_reader, muniment_service;
-- To take a body away and leave its hash; guard_chat_turn allows nothing else.
GRANT UPDATE (content_storage, content_inline, content_s3_key, content_preview)
    ON agents.chat_turn TO muniment_service;

COMMIT;

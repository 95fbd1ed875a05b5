-- Deploy agents:chat_turn_digest to pg
-- requires: redaction
--
-- Every column of a turn. Its body counts by hash and length, so that it can be redacted and the
-- seal still holds: where it was kept then comes from its redaction.
-- The text of the row, hashed: times as seconds since 1970 with six decimals and bytes in hex, so
-- that no setting of a session changes it. Part of seal format 1: another list of columns is
-- another format.
-- Locks: none.  Docs: docs/schema/agents.md#chat-turn-digest

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.chat_turn_digest(p_turn agents.chat_turn)
RETURNS bytea
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_content text := ROW(
        p_turn.content_storage, p_turn.content_s3_key,
        encode(sha256(convert_to(p_turn.content_preview, 'UTF8')), 'hex')
    )::text;
BEGIN
    IF p_turn.content_storage = 'redacted' THEN
        v_content := (
            SELECT ROW(d.storage, d.s3_key, encode(d.preview_sha256, 'hex'))::text
            FROM agents.redaction AS d
            WHERE d.firm_id = p_turn.firm_id
                AND d.row_id = p_turn.turn_id
                AND d.row_at = p_turn.created_at
                AND d.body = 'content'
        );
    END IF;

    RETURN sha256(convert_to(
        ROW(
            p_turn.firm_id, p_turn.turn_id, extract(epoch FROM p_turn.created_at),
            p_turn.session_id, p_turn.turn_no, p_turn.run_id,
            extract(epoch FROM p_turn.run_started_at), p_turn.role, p_turn.author_id,
            p_turn.status, p_turn.response_id, p_turn.response_model, p_turn.finish_reason,
            p_turn.latency_ms, p_turn.input_tokens, p_turn.output_tokens, p_turn.cache_read_tokens,
            p_turn.cache_write_tokens, p_turn.reasoning_tokens, p_turn.cost_usd,
            p_turn.content_format, p_turn.metadata, encode(p_turn.content_sha256, 'hex'),
            p_turn.content_bytes, v_content
        )::text,
        'UTF8'
    ));
END;
$function$;

COMMENT ON FUNCTION agents.chat_turn_digest(agents.chat_turn) IS
    'SHA-256 of what a seal covers of a row of agents.chat_turn. Raises nothing.';

REVOKE ALL ON FUNCTION agents.chat_turn_digest(agents.chat_turn) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.chat_turn_digest(agents.chat_turn)
    TO muniment_app, muniment_reader, muniment_service;

COMMIT;

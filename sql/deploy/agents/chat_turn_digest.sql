-- Deploy agents:chat_turn_digest to pg
-- requires: redaction
--
-- Every column of a turn. Its body counts by hash and length, so that it can be redacted and the
-- seal still holds: where it was kept then comes from its redaction.
-- The text of an array of the columns, hashed: times as seconds since 1970 with six decimals and
-- bytes in hex, so that no setting of a session changes it; not of a row, which is quoted as the
-- locale of the server has it. Part of seal format 1: another list of columns is another format.
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
    v_content text := ARRAY[
        p_turn.content_storage, p_turn.content_s3_key,
        encode(sha256(convert_to(p_turn.content_preview, 'UTF8')), 'hex')
    ]::text;
BEGIN
    IF p_turn.content_storage = 'redacted' THEN
        v_content := (
            SELECT ARRAY[d.storage, d.s3_key, encode(d.preview_sha256, 'hex')]::text
            FROM agents.redaction AS d
            WHERE d.firm_id = p_turn.firm_id
                AND d.row_id = p_turn.turn_id
                AND d.row_at = p_turn.created_at
                AND d.body = 'content'
        );
    END IF;

    RETURN sha256(convert_to(
        ARRAY[
            p_turn.firm_id::text, p_turn.turn_id::text, extract(epoch FROM p_turn.created_at)::text,
            p_turn.session_id::text, p_turn.turn_no::text, p_turn.run_id::text,
            extract(epoch FROM p_turn.run_started_at)::text, p_turn.role, p_turn.author_id,
            p_turn.status, p_turn.response_id, p_turn.response_model, p_turn.finish_reason,
            p_turn.latency_ms::text, p_turn.input_tokens::text, p_turn.output_tokens::text,
            p_turn.cache_read_tokens::text, p_turn.cache_write_tokens::text,
            p_turn.reasoning_tokens::text, p_turn.cost_usd::text, p_turn.content_format,
            p_turn.metadata::text, encode(p_turn.content_sha256, 'hex'), p_turn.content_bytes::text,
            v_content
        ]::text,
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

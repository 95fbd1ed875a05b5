-- Deploy agents:tool_call_digest to pg
-- requires: redaction
--
-- Every column of a call. Its bodies count by hash and length, so that they can be redacted and the
-- seal still holds: where they were kept then comes from their redaction.
-- The text of an array of the columns, hashed: times as seconds since 1970 with six decimals and
-- bytes in hex, so that no setting of a session changes it; not of a row, which is quoted as the
-- locale of the server has it. Part of seal format 1: another list of columns is another format.
-- Locks: none.  Docs: docs/schema/agents.md#tool-call-digest

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.tool_call_digest(p_call agents.tool_call)
RETURNS bytea
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_args text := ARRAY[
        p_call.args_storage, p_call.args_s3_key,
        encode(sha256(convert_to(p_call.args_preview, 'UTF8')), 'hex')
    ]::text;
    v_result text := ARRAY[
        p_call.result_storage, p_call.result_s3_key,
        encode(sha256(convert_to(p_call.result_preview, 'UTF8')), 'hex')
    ]::text;
BEGIN
    IF p_call.args_storage = 'redacted' THEN
        v_args := (
            SELECT ARRAY[d.storage, d.s3_key, encode(d.preview_sha256, 'hex')]::text
            FROM agents.redaction AS d
            WHERE d.firm_id = p_call.firm_id
                AND d.row_id = p_call.tool_call_id
                AND d.row_at = p_call.requested_at
                AND d.body = 'args'
        );
    END IF;
    IF p_call.result_storage = 'redacted' THEN
        v_result := (
            SELECT ARRAY[d.storage, d.s3_key, encode(d.preview_sha256, 'hex')]::text
            FROM agents.redaction AS d
            WHERE d.firm_id = p_call.firm_id
                AND d.row_id = p_call.tool_call_id
                AND d.row_at = p_call.requested_at
                AND d.body = 'result'
        );
    END IF;

    RETURN sha256(convert_to(
        ARRAY[
            p_call.firm_id::text, p_call.tool_call_id::text,
            extract(epoch FROM p_call.requested_at)::text, p_call.run_id::text,
            extract(epoch FROM p_call.run_started_at)::text, p_call.turn_id::text,
            p_call.call_no::text, p_call.attempt_no::text, p_call.provider_call_id,
            p_call.tool_name, p_call.tool_version, encode(p_call.definition_sha256, 'hex'),
            p_call.idempotency_key, p_call.status, extract(epoch FROM p_call.started_at)::text,
            extract(epoch FROM p_call.ended_at)::text, p_call.error_type, p_call.error_message,
            p_call.is_error_retryable::text, p_call.approval_status,
            extract(epoch FROM p_call.approval_expires_at)::text, p_call.approval_decided_by,
            extract(epoch FROM p_call.approval_decided_at)::text, p_call.approval_reason,
            encode(p_call.approval_args_sha256, 'hex'), p_call.child_run_id::text,
            p_call.external_ref, p_call.cost_usd::text, p_call.span_id,
            encode(p_call.args_sha256, 'hex'), p_call.args_bytes::text,
            encode(p_call.result_sha256, 'hex'), p_call.result_bytes::text, v_args, v_result
        ]::text,
        'UTF8'
    ));
END;
$function$;

COMMENT ON FUNCTION agents.tool_call_digest(agents.tool_call) IS
    'SHA-256 of what a seal covers of a row of agents.tool_call. Raises nothing.';

REVOKE ALL ON FUNCTION agents.tool_call_digest(agents.tool_call) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.tool_call_digest(agents.tool_call)
    TO muniment_app, muniment_reader, muniment_service;

COMMIT;
